/** What of the options applies to a run that is gone on with, and what is said of it. */

import { cp, mkdir, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { json, TINY, useCommandLine } from "../support/command-line.ts";

const { at, run, answer } = useCommandLine();

beforeAll(async () => {
  await answer("train", "--data", "text.txt", ...TINY, "--out", "run");
  await writeFile(at("config.json"), JSON.stringify({ model: { type: "bigram", context: 8 } }));
  await writeFile(at("other.txt"), await readFile(at("text.txt")));
});

const resume = (...more: string[]) => ["train", "--resume", "--out", "run", ...more];

const KEPT = "a run that is resumed keeps its model: leave it out, grow it, or start another run";

/** Options that cannot apply, and the line that answers. */
const refused: readonly (readonly [args: readonly string[], message: string])[] = [
  [
    ["train", "--resume", "--out", "rum"],
    "--resume: there is no run in rum; check --out, or leave --resume out to start one",
  ],
  [
    resume("--config", "no-such-file.json"),
    "--config no-such-file.json: a run that is resumed has its own configuration, in run; leave the option out, and change keys with --set",
  ],
  [
    resume("--preset", "nope"),
    "--preset nope: a run that is resumed has its own configuration, in run; leave the option out, and change keys with --set",
  ],
  [resume("--from", "run"), "--from run: a run that is resumed has its own weights, in run; leave the option out"],
  [resume("--set", "model.width=64"), `model.width: is 16 in run, not 64; ${KEPT}`],
  [resume("--set", "model.tokens.query=24"), `model.tokens.query: is 8 in run, not 24; ${KEPT}`],
  [resume("--set", 'model.activation="softmax"'), `model.activation: is "l2_norm_gelu" in run, not "softmax"; ${KEPT}`],
  [
    resume("--set", "tokenizer=bpe:300"),
    "--set tokenizer=bpe:300: run has a tokenizer of its own, which its model was trained with; leave the option out",
  ],
  [
    resume("--tokenizer", "bpe:300"),
    "--tokenizer bpe:300: run has a tokenizer of its own, which its model was trained with; leave the option out",
  ],
  [
    resume("--set", "training.steps=5"),
    "run: is at step 6, and training.steps is 5; raise it, or start from the checkpoint anew with --from run --restart",
  ],
  [
    ["train", "--from", "run", "--out", "new", "--set", "tokenizer=bpe:300", "--set", "training.steps=9"],
    "--set tokenizer=bpe:300: run has a tokenizer of its own, which its model was trained with; leave the option out",
  ],
];

describe("what cannot apply is refused by name, and nothing is written:", () => {
  it.each(refused)("%j", async (args, message) => {
    const before = await readdir(at(), { recursive: true });
    expect(await run(...args)).toEqual({ code: 1, stdout: "", stderr: `tokenformer: ${message}\n` });
    expect(await readdir(at(), { recursive: true })).toEqual(before);
  });
});

describe("what applies", () => {
  it("is told, and is in the configuration from there on", async () => {
    await cp(at("run"), at("changed"), { recursive: true });
    const changes = ["training.steps=9", "model.dropout=0.25", "training.clip=0.5"].flatMap((set) => ["--set", set]);
    const { code, stderr } = await run("train", "--resume", "--out", "changed", ...changes);
    expect(code, stderr).toBe(0);
    expect(stderr.split("\n").slice(0, 3)).toEqual([
      "model.dropout: 0 → 0.25",
      "training.steps: 6 → 9",
      "training.clip: 1 → 0.5",
    ]);
    const { config } = json(await answer("inspect", "changed", "--json")) as { config: Record<string, object> };
    expect(config).toMatchObject({ model: { dropout: 0.25 }, training: { steps: 9, clip: 0.5 } });
  });

  it("is told with the jump of the learning rate that it makes, and with other data", async () => {
    await cp(at("run"), at("stretched"), { recursive: true });
    const more = ["--set", "training.steps=12", "--data", "other.txt"];
    const { stderr } = await run("train", "--resume", "--out", "stretched", ...more);
    expect(stderr.split("\n").slice(0, 3)).toEqual([
      "training.steps: 6 → 12",
      "the learning rate jumps from 1.00e-4 to 5.50e-4 at step 6, as the schedule now ends at step 12; training.learningRate and training.schedule change that",
      `other data than before: ${at("other.txt")}, not ${at("text.txt")}`,
    ]);
  });

  it("is told of data that is read in another way, and data is read as before where nothing is said", async () => {
    const lines = Array.from({ length: 40 }, () => JSON.stringify({ prompt: "the ", completion: "whale " }));
    await writeFile(at("pairs.jsonl"), lines.join("\n"));
    const data = ["--data", "pairs.jsonl"];
    await answer("train", ...data, ...TINY, "--loss-on", "all", "--separate-documents", "--out", "pairs");
    const more = (steps: number) => ["train", "--resume", "--out", "pairs", "--set", `training.steps=${steps}`];
    const same = await run(...more(7), ...data);
    expect(same.stderr).toMatch(/^training\.steps: 6 → 7\n(?!data|other)/);
    const other = await run(...more(8), ...data, "--loss-on", "completion");
    expect(other.stderr).toMatch(
      /^training\.steps: 7 → 8\n(the learning .*\n)?data\.lossOn: "all" → "completion"\n(?!data|other)/,
    );
    // What was said before, and has nothing to apply to now, is no mistake; what is said anew is.
    await writeFile(at("plain.txt"), "the whale ".repeat(60));
    await answer(...more(9), "--data", "plain.txt");
    const refused = await run(...more(10), "--data", "plain.txt", "--special-tokens", "<x>");
    expect(refused.stderr).toMatch(
      /^tokenformer: --special-tokens <x>: plain\.txt is read by the tokenizer of the run/m,
    );
    const { files } = JSON.parse(await readFile(at("pairs", "training.json"), "utf8")).data;
    expect(files).toEqual({ train: [at("plain.txt")], lossOn: "completion", separateDocuments: true });
  });

  it("is told of growth that comes to what has been", async () => {
    const constant = ["--set", "training.schedule=constant"];
    const grown = ["--grow-at", "3:ffn=x2;restart;learningRate=5e-4"];
    await answer("train", "--data", "text.txt", ...TINY, ...constant, ...grown, "--out", "grown once");
    const more = ["--grow-at", "8:ffn=3", "--set", "training.steps=9"];
    const { stderr } = await run("train", "--resume", "--out", "grown once", ...more);
    expect(stderr).toMatch(
      /^training\.steps: 6 → 9\ngrowth: \[(\{.*"step":3,.*\})\] → \[\1,\{.*"step":8,.*\}\]\ntokenformer, /,
    );
    const config = JSON.parse(await readFile(at("grown once", "config.json"), "utf8"));
    expect(config.growth).toMatchObject([{ step: 3 }, { step: 8 }]);
  });

  it("is not told where nothing changes", async () => {
    const constant = ["--set", "training.schedule=constant"];
    await answer("train", "--data", "text.txt", ...TINY, ...constant, "--out", "constant");
    const more = ["--data", "text.txt", "--set", "training.steps=8"];
    const { stderr } = await run("train", "--resume", "--out", "constant", ...more);
    expect(stderr).toMatch(/^training\.steps: 6 → 8\ntokenformer, /);
  });
});

it("a run that is at its end is left as it is, and that is said", async () => {
  const weights = () => readFile(at("run", "model.safetensors"), "base64");
  const before = await weights();
  const { code, stdout, stderr } = await run(...resume());
  expect({ code, stdout }).toEqual({ code: 0, stdout: "" });
  expect(stderr).toMatch(
    /\nrun: was trained to its end, 6 steps, before; to train on, add: --set training\.steps=12\n$/,
  );
  expect(json(await answer(...resume("--json")))).toMatchObject({ step: 6, interrupted: false });
  expect(await weights()).toBe(before);
});

it("what another process left half written is removed, whoever has its id now", async () => {
  await cp(at("run"), at("left"), { recursive: true });
  for (const place of [at("left"), at("left", "best")]) {
    await mkdir(join(place, ".writing-1-deadbee1"));
    await utimes(join(place, ".writing-1-deadbee1"), 1e9, 1e9);
  }
  await answer("train", "--resume", "--out", "left", "--set", "training.steps=7", "--set", "training.keepBest=false");
  for (const place of [at("left"), at("left", "best")]) expect((await readdir(place)).join()).not.toContain(".writing");
});

describe("moments that are not there", () => {
  const TOLD =
    "is at step 6 and has no optimizer.safetensors, so Adam's moments start at zero; if it was lost, put it back before the run goes on";
  const more = ["--set", "training.steps=7"];

  it("are told where a run goes on without them", async () => {
    await cp(at("run"), at("lost"), { recursive: true });
    await rm(at("lost", "optimizer.safetensors"));
    const branched = ["train", "--from", "lost", "--out", "branched", ...more];
    const grown = ["grow", "lost", "--add", "ffn=2", "--to", "grown"];
    const pruned = ["prune", "lost", "--keep", "0.5", "--to", "pruned"];
    const resumed = ["train", "--resume", "--out", "lost", ...more];
    for (const args of [branched, grown, pruned, resumed]) {
      const { code, stderr } = await run(...args);
      expect(code, stderr).toBe(0);
      expect(stderr.split("\n"), args.join(" ")).toContain(`lost: ${TOLD}`);
    }
    const { stderr } = await run("train", "--resume", "--out", "lost", "--set", "training.steps=8");
    expect(stderr, "there are some again").not.toContain("moments");
  });

  it("are not told where there were none, or none are wanted", async () => {
    await answer("grow", "run", "--add", "ffn=2", "--optimizer", "reset", "--to", "reset");
    const restarted = ["train", "--from", "run", "--restart", "--out", "restarted", ...more];
    for (const args of [["train", "--resume", "--out", "reset", ...more], restarted]) {
      const { code, stderr } = await run(...args);
      expect(code, stderr).toBe(0);
      expect(stderr).not.toContain("moments");
    }
  });
});

describe("other contents under the same name", () => {
  const more = (steps: number) => ["train", "--resume", "--out", "edited", "--set", `training.steps=${steps}`];
  const warnings = async (args: readonly string[]) => {
    const { code, stderr } = await run(...args);
    expect(code, stderr).toBe(0);
    return stderr.match(/^warning: .*$/gm) ?? [];
  };

  it("are told, once", async () => {
    const text = await readFile(at("text.txt"), "utf8");
    await writeFile(at("edited.txt"), text);
    expect(await warnings(["train", "--data", "edited.txt", ...TINY, "--out", "edited"])).toEqual([]);
    expect(await warnings(more(7))).toEqual([]);
    await writeFile(at("edited.txt"), text.replace("whale", "elahw"));
    expect(await warnings(more(8))).toEqual([`warning: ${at("edited.txt")}: has other tokens than before`]);
    expect(await warnings(more(9))).toEqual([]);
    await writeFile(at("edited.txt"), `${text}${text.slice(0, 70)}`);
    expect(await warnings(more(10))).toEqual([
      expect.stringMatching(
        /^warning: \S+edited\.txt: has \d+ tokens to train on and \d+ held out, and had \d+ and \d+$/,
      ),
    ]);
  });

  it("are unknown of a run that an earlier version wrote, which goes on", async () => {
    await answer("train", "--data", "edited.txt", ...TINY, "--out", "earlier");
    const file = at("earlier", "training.json");
    const saved: { data: { content?: unknown } } = JSON.parse(await readFile(file, "utf8"));
    expect(saved.data.content).toMatchObject({ train: { tokens: expect.any(Number) } });
    delete saved.data.content;
    await writeFile(file, JSON.stringify(saved));
    await writeFile(at("edited.txt"), await readFile(at("text.txt")));
    const args = ["train", "--resume", "--out", "earlier", "--set", "training.steps=8"];
    expect(await warnings(args)).toEqual([]);
  });
});
