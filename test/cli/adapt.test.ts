/** Skills on the command line: trained, attached, merged, exported, refused. */

import { cp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { beforeAll, describe, expect, it } from "vitest";
import { json, TINY, useCommandLine } from "../support/command-line.ts";

const { answer, at, metrics, run, start } = useCommandLine();
const fixture = new URL("../fixtures/tokenformer-l2-norm-gelu", import.meta.url).pathname;

const SHORT = ["--add", "all=3", "--set", "training.steps=4", "--set", "training.evaluateEvery=2", "--json"];

beforeAll(async () => {
  await answer(
    "train",
    ...TINY,
    "--data",
    "text.txt",
    "--set",
    "model.context=40",
    "--tokenizer",
    "character+unknown",
    "--out",
    "book",
  );
  const line = JSON.stringify({ prompt: "the ", completion: "whale and the sea" });
  await writeFile(at("lines.jsonl"), `${line}\n`.repeat(30));
});

describe("adapt", () => {
  it("trains a skill that others attach, and leaves the run as it was", async () => {
    const before = await readFile(at("book", "model.safetensors"));
    const plain = await answer("sample", "book", "--tokens", "12", "--seed", "3");
    const made = json(
      await answer("adapt", "book", "--data", "lines.jsonl", "--loss-on", "all", "--to", "mine", ...SHORT),
    );
    expect(made).toMatchObject({
      to: "mine",
      bytes: expect.any(Number),
      share: expect.any(Number),
      interrupted: false,
    });
    expect((await readFile(at("book", "model.safetensors"))).equals(before)).toBe(true);
    expect(await answer("sample", "book", "--tokens", "12", "--seed", "3")).toBe(plain);
    const losses = await Promise.all(
      [[], ["--with", "mine"]].map(async (attached) =>
        json(await answer("eval", "book", ...attached, "--data", "text.txt", "--json")),
      ),
    );
    expect(losses[0]).not.toEqual(losses[1]);
    expect(await answer("inspect", "book", "--with", "mine")).toMatch(
      /^ +blocks\.0\.feedForward\.generations\.1 +3 \(mine at 6\)$/m,
    );
    expect(await answer("export", "book", "--with", "mine", "--format", "onnx", "--to", "onnx")).toContain(
      "model.onnx",
    );
    expect((await run("export", "book", "--with", "mine", "--format", "neox", "--to", "neox")).stderr).toContain(
      "book: has parameter tokens with norms of their own, which the published layout has no place for; export it as onnx",
    );
    const attached = await answer("sample", "book", "--with", "mine", "--tokens", "12", "--seed", "3");
    await answer("merge", "book", "--with", "mine", "--to", "both");
    expect(await answer("sample", "both", "--tokens", "12", "--seed", "3")).toBe(attached);
  });

  it("is stopped by Ctrl-C, says how to go on, and goes on from there", async () => {
    const endless = ["--set", "training.steps=1000000", "--set", "training.evaluateEvery=1000000"];
    const running = start("adapt", "book", "--data", "text.txt", "--to", "stopped", "--add", "all=2", ...endless);
    await running.shown(/step 0 {2}validation loss/);
    running.signal("SIGINT");
    const { code, stderr } = await running.outcome;
    expect(code).toBe(130);
    const [, step] =
      /stopped at step (\d+); go on with: tokenformer adapt book --to stopped --resume\n/.exec(stderr) ?? [];
    const steps = Number(step) + 2;
    await writeFile(at("other.txt"), await readFile(at("text.txt")));
    const changes = ["--set", `training.steps=${steps}`, "--set", "training.learningRate=1e-3", "--data", "other.txt"];
    const on = await run("adapt", "book", "--to", "stopped", "--resume", ...changes, "--json");
    expect(json(on.stdout)).toMatchObject({ interrupted: false });
    expect(on.stderr.split("\n").slice(0, 4)).toEqual([
      `training.steps: 1000000 → ${steps}`,
      "training.learningRate: 0.003 → 0.001",
      expect.stringMatching(
        `^the learning rate jumps from \\S+ to \\S+ at step ${step}, as the schedule now ends at step ${steps};`,
      ),
      `other data than before: ${at("other.txt")}, not ${at("text.txt")}`,
    ]);
    const trained = (await metrics("stopped")).filter((record) => "loss" in record);
    expect(trained.map((record) => record["step"])).toEqual(Array.from({ length: steps }, (_, index) => index + 1));
    expect((await readdir(at("stopped"))).toSorted((a, b) => a.localeCompare(b))).toEqual([
      "metrics.jsonl",
      "skill.json",
      "skill.safetensors",
    ]);
  });

  it("trains a skill beside an imported checkpoint, which gives the same logits as before without it", async () => {
    await cp(fixture, at("published"), { recursive: true });
    await answer("tokenize", "--data", "text.txt", "--to", "text.bin");
    await rename(at("text.tokenizer.json"), at("published", "tokenizer.json"));
    await answer("import", "published", "--to", "imported");
    const { input_ids } = JSON.parse(await readFile(at("published", "expected.json"), "utf8"));
    await writeFile(at("tokens.json"), JSON.stringify(input_ids));
    const logits = async (...attached: readonly string[]) => {
      await answer("logits", "imported", ...attached, "--tokens", "tokens.json", "--to", "logits.safetensors");
      const bytes = await readFile(at("logits.safetensors"));
      await rm(at("logits.safetensors"));
      return bytes.toString("base64");
    };
    const [before, weights] = [await logits(), await readFile(at("imported", "model.safetensors"))];
    const fast = ["--set", "training.learningRate=0.02", "--set", "training.warmup=0", "--set", "training.batch=4"];
    await answer("adapt", "imported", "--data", "text.txt", "--to", "beside", ...SHORT, ...fast);
    expect(await logits("--with", "beside")).not.toBe(before);
    expect(await logits()).toBe(before);
    expect((await readFile(at("imported", "model.safetensors"))).equals(weights)).toBe(true);
    const [plain, skilled] = await Promise.all(
      [[], ["--with", "beside"]].map(async (attached) =>
        Number(JSON.parse(await answer("eval", "imported", ...attached, "--data", "text.txt", "--json")).loss),
      ),
    );
    expect(skilled).toBeLessThan(plain ?? 0);
  });

  it.each([
    [["adapt", "book", "--to", "x"], "--data: is missing; name the texts that the skill is to learn"],
    [["adapt", "nowhere", "--data", "text.txt", "--to", "x"], "nowhere: no checkpoint there"],
    [["adapt", "book", "--data", "text.txt", "--to", "x", "--add", "sideways=3"], 'unknown site "sideways"'],
    [["adapt", "book", "--data", "text.txt", "--to", "x", "--set", "model.width=8"], "only training.… can be set"],
    [
      ["adapt", "book", "--data", "text.txt", "--to", "x", "--set", "training.localSteps=2"],
      "a skill is trained on one machine",
    ],
    [["adapt", "book", "--data", "text.txt", "--to", "mine"], "mine: already holds a skill; choose another folder"],
    [
      ["adapt", "book", "--to", "mine", "--resume"],
      "mine: its skill was trained to the end, so there is nothing to resume",
    ],
    [["adapt", "book", "--to", "x", "--resume"], "x: no skill was begun there, so there is nothing to resume"],
    [["adapt", "book", "--to", "x", "--resume", "--add", "all=2"], "--add all=2: a skill that is resumed has its own"],
    [["merge", "book", "--to", "x"], "--with: no skill is given"],
    [["merge", "book", "--with", "mine", "--to", "both"], "both: already holds a run; choose another folder"],
    [["sample", "book", "--with", "mine", "--with", "mine"], "mine: is given twice; attach it once"],
    [["sample", "both", "--with", "mine"], "mine: belongs to a model with the weights"],
    [["serve", "book", "--skill", "mine"], "--skill mine: expected name=folder, such as --skill law=skills/law"],
    [["serve", "book", "--skill", "book=mine"], "the name book is what the run itself is called"],
    [["serve", "book", "--skill", "a=mine", "--skill", "b=mine"], "mine: is given twice; attach it once"],
    [["eval", "book", "--with", "book"], "book: is a run, not a skill"],
  ])("is refused in one line: %j", async (command, message) => {
    const { code, stderr, stdout } = await run(...command);
    expect(code).toBe(1);
    expect(stdout).toBe("");
    expect(stderr).toContain(message);
    expect(stderr.trim().split("\n").at(-1)).toMatch(/^tokenformer: /);
    await expect(readFile(at("x", "skill.json"))).rejects.toThrow("ENOENT");
  });
});
