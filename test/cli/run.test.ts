import { spawnSync } from "node:child_process";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { beforeAll, describe, expect, it } from "vitest";
import { json, TINY, useCommandLine } from "../support/command-line.ts";

const { at, main, run, answer, metrics } = useCommandLine();

const FILES = ["config.json", "model.safetensors", "optimizer.safetensors", "tokenizer.json", "training.json"];
const number = expect.any(Number);

let summary: unknown;

beforeAll(async () => {
  const settings = ["training.evaluateEvery=2", "training.checkpointEvery=4"].flatMap((setting) => ["--set", setting]);
  const command = ["train", "--preset", "mini", "--data", "text.txt", "--out", "run", ...TINY, ...settings, "--json"];
  summary = json(await answer(...command));
});

describe("train", () => {
  it("leaves a checkpoint, the best one and metrics", async () => {
    expect(summary).toMatchObject({ step: 6, loss: number, validationLoss: number, interrupted: false });
    expect(await readdir(at("run"))).toEqual(expect.arrayContaining(["best", "metrics.jsonl", ...FILES]));
    expect(await readdir(at("run", "best"))).toEqual(FILES);
    const records = await metrics("run");
    const validation = { validationLoss: number, perplexity: number, bitsPerByte: number };
    const step = { loss: number, learningRate: number, gradientNorm: number, tokensPerSecond: number };
    expect(records.map((record) => record["step"])).toEqual([0, 1, 2, 2, 3, 4, 4, 5, 6, 6]);
    for (const record of records) expect(record).toMatchObject("loss" in record ? step : validation);
    expect(records.at(-1)?.["validationLoss"]).toBeLessThan(Number(records.at(0)?.["validationLoss"]));
  });

  it("goes on with --resume and more steps, and makes the same updates as an uninterrupted run", async () => {
    const settings = ["training.steps=8", "training.schedule=constant"].flatMap((setting) => ["--set", setting]);
    const tiny = ["train", "--data", "text.txt", ...TINY, "--set", "training.schedule=constant"];
    await answer(...tiny, "--set", "training.steps=8", "--out", "whole");
    await answer(...tiny, "--out", "parts");
    const { code, stdout, stderr } = await run("train", "--resume", "--out", "parts", ...settings);
    expect(code).toBe(0);
    expect(stdout).toBe('trained 8 steps, saved to parts; write with: tokenformer sample parts --prompt "…"\n');
    expect(stderr).toContain("going on from step 6\n");
    const losses = async (name: string) =>
      (await metrics(name)).flatMap(({ loss, step }) => (loss === undefined ? [] : [[step, loss]]));
    expect(await losses("parts")).toEqual(await losses("whole"));
    expect(await readFile(at("parts", "model.safetensors"))).toEqual(await readFile(at("whole", "model.safetensors")));
  });

  it("takes several texts and one to hold out, and knows them again", async () => {
    await writeFile(at("more.txt"), "the white whale in the deep blue sea\n".repeat(20));
    const data = ["--data", "text.txt", "more.txt", "--validation", "more.txt"];
    const { stderr } = await run("train", ...data, "--out", "several", ...TINY);
    expect(stderr).toContain("text.txt, more.txt (held out: more.txt): 4.74 k tokens to train on, 740 held out");
    const { code, stderr: again } = await run("train", "--resume", "--out", "several", "--set", "training.steps=7");
    expect(code, again).toBe(0);
    expect(again).toContain(`${at("text.txt")}, ${at("more.txt")} (held out: ${at("more.txt")}): 4.74 k tokens`);
    expect(await answer("eval", "several")).toMatch(/, validation split, 739 tokens\n/);
  });

  it("starts from another run, and from its weights alone", async () => {
    const branch = ["train", "--from", "run", "--out"];
    const { code, stderr } = await run(...branch, "branch", "--set", "training.steps=8");
    expect(code, stderr).toBe(0);
    expect(stderr).toContain("going on from step 6\n");
    expect((await metrics("branch")).map(({ step }) => step)).toEqual([6, 7, 8, 8]);
    await writeFile(at("tuning.json"), JSON.stringify({ training: { steps: 2, batch: 3, learningRate: 1e-4 } }));
    expect(json(await answer(...branch, "tuned", "--restart", "--config", "tuning.json", "--json"))).toMatchObject({
      step: 2,
      parameters: 1920,
    });
    expect((await metrics("tuned")).at(-1)).toMatchObject({ step: 2, tokens: 2 * 3 * 16 });
  });

  it("grows on the way with --grow-at", async () => {
    const plan = "3:q=4,k=4,v=4,proj=4,ffn=8;tau=fixed";
    const command = ["train", "--data", "text.txt", "--out", "growing", ...TINY, "--grow-at", plan, "--json"];
    expect(json(await answer(...command))).toMatchObject({ step: 6, parameters: 1920 + 4 * 2 * 4 * 16 + 2 * 8 * 16 });
    const growth = (await metrics("growing")).find((record) => "growth" in record);
    expect(growth).toMatchObject({ step: 3, growth: { parametersBefore: 1920, init: "zero-key", tau: "fixed" } });
  });
});

describe("a transformer", () => {
  const model = {
    type: "transformer",
    layers: 1,
    width: 12,
    heads: 3,
    context: 16,
    tied: true,
    biases: false,
    activation: "gelu",
  };
  const training = { batch: 4, warmup: 0, steps: 4, evaluateEvery: 2, learningRate: 1e-2 };

  it("is widened on the way, and afterwards", async () => {
    await writeFile(at("gpt.json"), JSON.stringify({ model, training }));
    const command = ["train", "--config", "gpt.json", "--data", "text.txt", "--out", "gpt", "--json"];
    await answer(...command, "--grow-at", "2:width=16;rewarm=1");
    expect(await answer("grow", "gpt", "--to", "wider", "--width", "24")).toContain(
      "step 4  grown by net2net: width 16 → 24, 4 → 6 heads",
    );
    await answer("train", "--resume", "--out", "wider", "--set", "training.steps=6");
    expect(json(await answer("inspect", "wider", "--json"))).toMatchObject({
      step: 6,
      config: { model: { width: 24, heads: 6 } },
      lineage: { width: [{ tokens: 12 }, { tokens: 4, born: 2 }, { tokens: 8, born: 4, init: "net2net" }] },
    });
    const growths = (await metrics("wider")).filter((record) => "growth" in record);
    expect(growths.map(({ step }) => step)).toEqual([2, 4]);
    expect(await answer("inspect", "wider")).toContain("12 (initial) + 4 (net2net at 2) + 8 (net2net at 4)");
  });
});

describe("eval", () => {
  it("answers with loss, perplexity, bits per byte and tokens", async () => {
    const result = json(await answer("eval", "run", "--data", "text.txt", "--json"));
    expect(result).toMatchObject({ loss: number, perplexity: number, bitsPerByte: number, tokens: number });
    const { loss, perplexity, bitsPerByte } = result as Record<string, number>;
    expect(loss).toBeCloseTo(Number((await metrics("run")).at(-1)?.["validationLoss"]), 5);
    expect(perplexity).toBeCloseTo(Math.exp(Number(loss)), 9);
    expect(bitsPerByte).toBeCloseTo(Number(loss) / Math.LN2, 9); // one byte a character
  });

  it("tells people the same, on the data of the run", async () => {
    const words =
      /^\/.*\/text\.txt, all split, \d+ tokens\nloss \S+ nats per token, perplexity \S+, \S+ bits per byte\n$/;
    expect(await answer("eval", "run", "--split", "all")).toMatch(words);
  });
});

describe("inspect", () => {
  it("answers with the configuration, parameter groups, costs and lineage", async () => {
    expect(json(await answer("inspect", "run", "--json"))).toMatchObject({
      step: 6,
      data: expect.stringMatching(/^\/.*\/text\.txt$/),
      config: { model: { type: "tokenformer", width: 16 }, training: { steps: 6, seed: 1 } },
      parameters: { embedding: 22 * 16, attention: 4 * 2 * 8 * 16, feedForward: 2 * 16 * 16, norms: 32, total: 1920 },
      flopsPerToken: { forward: number, training: number },
      vocabulary: { size: 22, kind: "character" },
      lineage: { "blocks.0.feedForward": [{ tokens: 16, born: 0, init: "initial", updates: 6 }] },
    });
  });

  it("tells people", async () => {
    const text = await answer("inspect", "run");
    expect(text).toMatch(/^tokenformer at step 6, trained on \/.*\/text\.txt\n/);
    expect(text).toMatch(/^ {2}total +1\.92 k {2}1,920$/m);
    expect(text).toMatch(/^ {2}blocks\.0\.feedForward +16 \(initial\)$/m);
  });
});

describe("sample", () => {
  it("writes the prompt, the text and a line break, the same for the same seed", async () => {
    const command = ["sample", "run", "--prompt", "the whale", "--tokens", "30", "--temperature", "0.8", "--seed"];
    const { code, stdout, stderr } = await run(...command, "1");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^the whale.{30}\n$/s);
    expect(await answer(...command, "1")).toBe(stdout);
    expect(await answer(...command, "2")).not.toBe(stdout);
    expect(json(await answer(...command, "1", "--json"))).toEqual({
      prompt: "the whale",
      text: stdout.slice(9, -1),
      finish: "length",
    });
  });

  it("writes several texts at once, each as it would be alone, and scores them", async () => {
    const one = async (prompt: string) => json(await answer("sample", "run", "--prompt", prompt, ...options));
    const options = ["--tokens", "12", "--min-p", "0.1", "--repetition-penalty", "1.2", "--logprobs", "2", "--json"];
    const both = json(await answer("sample", "run", "--prompt", "the", "--prompt", "whale", ...options));
    expect(both).toMatchObject([{ prompt: "the" }, { prompt: "whale" }]);
    for (const [index, prompt] of ["the", "whale"].entries()) {
      const alone = await one(prompt);
      const { text, tokens } = (both as Record<string, unknown>[])[index] ?? {};
      expect(alone).toMatchObject({ text });
      expect(tokens).toHaveLength(12);
    }
    const plain = await answer("sample", "run", "--prompt", "the", "--prompt", "whale", "--tokens", "5");
    expect(plain).toMatch(/^the.{5}\n\nwhale.{5}\n$/s);
  });

  it("ends before a stop string", async () => {
    const written = await answer("sample", "run", "--prompt", "the", "--tokens", "200", "--stop", "e", "--stop", "a");
    expect(written.slice(3)).not.toMatch(/[ea]/);
  });

  it("writes with rounded weights, whose cost eval tells", async () => {
    expect(await answer("sample", "run", "--prompt", "the", "--tokens", "5", "--quantize", "int4")).toMatch(
      /^the.{5}\n$/s,
    );
    const result = json(await answer("eval", "run", "--data", "text.txt", "--quantize", "int8", "--json"));
    const { loss, quantized } = result as { loss: number; quantized: { bits: string; loss: number } };
    expect(quantized.bits).toBe("int8");
    expect(Math.abs(quantized.loss / loss - 1)).toBeLessThan(0.01);
    expect(quantized.loss).not.toBe(loss);
    expect(await answer("eval", "run", "--data", "text.txt", "--quantize", "int8")).toMatch(
      /with weights in int8: loss \d\.\d{4}, perplexity [\d.]+ \([+-][\d.]+ %\)\n$/,
    );
  });

  it("writes the prompt alone if no token is asked for", async () => {
    expect(await answer("sample", "run", "--prompt", "the", "--tokens", "0")).toBe("the\n");
  });
});

describe("grow", () => {
  it("appends tokens without a change of the function, and the result trains on", async () => {
    const grow = ["grow", "run", "--to", "grown", "--add", "q=4,k=4,v=4,proj=4,ffn=16", "--init", "zero-key"];
    const report = json(await answer(...grow, "--data", "text.txt", "--json"));
    expect(report).toMatchObject({ parametersBefore: 1920, parametersAfter: 2944, step: 6, to: "grown" });
    const { maxLogitDifference, logitScale } = report as Record<string, number>;
    expect(maxLogitDifference).toBeLessThanOrEqual(1e-6 * Number(logitScale));
    const more = ["train", "--resume", "--out", "grown", "--set", "training.steps=8", "--json"];
    expect(json(await answer(...more))).toMatchObject({ step: 8, parameters: 2944 });
    expect(json(await answer("inspect", "grown", "--json"))).toMatchObject({
      lineage: {
        "blocks.0.attention.query": [
          { tokens: 8, updates: 8 },
          { tokens: 4, born: 6, init: "zero-key", updates: 2 },
        ],
      },
    });
    const steps = (await metrics("grown")).map((record) => ("growth" in record ? "growth" : record["step"]));
    expect(steps).toEqual([0, 1, 2, 2, 3, 4, 4, 5, 6, 6, "growth", 7, 8, 8]);
  });

  it("lets the learning rate begin again, and the result grows again as it trains on", async () => {
    const restart = ["--restart", "--learning-rate", "0.004", "--warmup", "1"];
    await answer("grow", "run", "--to", "again", "--add", "ffn=16", ...restart);
    const settings = ["training.steps=10", "training.schedule=constant"].flatMap((setting) => ["--set", setting]);
    await answer("train", "--resume", "--out", "again", ...settings, "--grow-at", "8:ffn=16;restart;learningRate=2e-3");
    const records = await metrics("again");
    const rates = records.filter(({ step, loss }) => loss !== undefined && Number(step) > 6);
    expect(rates.map(({ learningRate }) => learningRate)).toEqual([0.002, 0.004, 0.002, 0.002]);
    const growths = records.flatMap(({ step, growth }) => (growth === undefined ? [] : [{ step, growth }]));
    expect(growths).toMatchObject([
      { step: 6, growth: { tokens: 6 * 64, flops: number, seconds: number } },
      { step: 8, growth: { tokens: 8 * 64, lossBefore: number } },
    ]);
    expect(json(await answer("inspect", "again", "--json"))).toMatchObject({
      config: {
        growth: [
          { step: 6, restart: true, learningRate: 0.004, warmup: 1 },
          { step: 8, learningRate: 0.002 },
        ],
      },
      progress: { growthsDone: 2 },
    });
  });

  it("tells people what it cost, and how to go on", async () => {
    const { code, stdout, stderr } = await run("grow", "run", "--to", "twice", "--add", "all=x2", "--init", "split");
    expect(code).toBe(0);
    expect(stdout).toContain("step 6  grown by split, τ ramp: query 8 → 16");
    expect(stdout).toContain("parameters 1.92 k → 3.46 k");
    expect(stderr).toBe(
      "saved to twice; train on with: tokenformer train --resume --out twice --set training.steps=506\n",
    );
  });
});

describe("what is too long for a command line", () => {
  it("comes from files: prompts, without their last line break, and names of data", async () => {
    await writeFile(at("prompt.txt"), "the sea\n");
    await writeFile(at("names.txt"), "text.txt\n\ntext.txt\n");
    await answer("train", ...TINY, "--data-list", "names.txt", "--out", "listed");
    expect(json(await answer("inspect", "listed", "--json"))).toMatchObject({
      data: `${at("text.txt")}, ${at("text.txt")}`,
    });
    const sampled = await answer("sample", "listed", "--prompt-file", "prompt.txt", "--tokens", "5");
    expect(sampled).toBe(await answer("sample", "listed", "--prompt", "the sea", "--tokens", "5"));
    expect(await run("train", ...TINY, "--data-list", "gone.txt", "--out", "none")).toMatchObject({
      stderr: "tokenformer: cannot read gone.txt: there is no such file; check the path\n",
    });
  });

  it("comes from standard input", async () => {
    const timeout = 100_000;
    await answer("train", ...TINY, "--data", "text.txt", "--out", "piped");
    const sample = spawnSync(
      process.execPath,
      [main, "sample", "piped", "--prompt-file", "-", "--tokens", "5", "--json"],
      { cwd: at(), input: "the whale ".repeat(3000), encoding: "utf8", timeout },
    );
    expect(json(sample.stdout)).toMatchObject({ prompt: "the whale ".repeat(3000) });
    await writeFile(at("words.txt"), "the whale and the sea");
    const made = spawnSync(process.execPath, [main, "tokenize", "--data-list", "-", "--to", "piped.bin"], {
      cwd: at(),
      input: "words.txt\n".repeat(1000),
      encoding: "utf8",
      timeout,
    });
    expect(made.stdout).toMatch(/^piped\.bin: 21999 tokens/);
    const none = spawnSync(process.execPath, [main, "tokenize", "--data-list", "-", "--to", "none.bin"], {
      cwd: at(),
      input: "\n",
      encoding: "utf8",
      timeout,
    });
    expect(none.stderr).toBe("tokenformer: --data-list -: has no names, expected one a line; name files or folders\n");
  });
});
