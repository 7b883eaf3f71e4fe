/** The examples, as they are: compiled, and run one after the other in one process. */

import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startProcess } from "./support/command-line.ts";

const ROOT = fileURLToPath(new URL("../", import.meta.url));
const at = (path: string) => join(ROOT, path);

const STEPS = { bigram: 80, gpt: 16, tokenformer: 16 };

let folder = "";
const said = new Map<string, string>();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tokenformer-examples-"));
  const compiler = at("node_modules/typescript/bin/tsc");
  // The types of those for Node are checked with the tests' own.
  for (const project of [["examples", "--noCheck"], ["examples/browser"]]) {
    const { code, stdout } = await startProcess([compiler, "--singleThreaded", "-p", ...project], ROOT).outcome;
    expect(code, stdout).toBe(0);
  }
  const tuned = join(folder, "tuned");
  const commands = [
    ...Object.entries(STEPS).map(([name, steps]) => [name, "--steps", String(steps)]),
    ["own", "--steps", "12"],
    ["own-operator"],
    ["fine-tune", "--steps", "32", "--out", tuned],
    ["score", tuned, "It is the whale.", "whale the is It."],
  ];
  const programs = commands.map(([name, ...args]) => [at(`dist-examples/${name}.js`), ...args]);
  const host = [at("test/support/example-host.js"), JSON.stringify(programs)];
  // What they leave behind is left here.
  const { code, stdout, stderr } = await startProcess(host, folder, { TMPDIR: folder }).outcome;
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const [, ...outputs] = stdout.split("\0");
  for (const [index, output] of outputs.entries()) said.set(commands[index]?.[0] ?? "", output);
});

afterAll(() => rm(folder, { recursive: true }));

/** The losses and the text that an example of the lecture prints. */
function lectureOf(name: string) {
  const output = said.get(name) ?? "";
  const line = /^step (\d+): train loss (\d+\.\d{4}), val loss (\d+\.\d{4})$/gm;
  const losses = [...output.matchAll(line)].map(([, step, train, validation]) => ({
    step: Number(step),
    train: Number(train),
    validation: Number(validation),
  }));
  const [first, last] = losses;
  return { output, losses, first, last, text: output.split(/, val loss \d+\.\d{4}\n/).at(-1) ?? "" };
}

it.each(Object.entries(STEPS))("%s learns and writes", (name, steps) => {
  const { first, last, losses, output, text } = lectureOf(name);
  expect(losses.map(({ step }) => step)).toEqual([0, steps]);
  expect(last?.train).toBeLessThan(Number(first?.train) - 0.5);
  expect(last?.validation).toBeLessThan(Number(first?.validation) - 0.5);
  expect([...text]).toHaveLength(500 + 1); // and a line break
  if (name !== "tokenformer") return;
  const [, step, before, after] = /^step (\d+): grown by half, val loss (\S+) before, (\S+) after$/m.exec(output) ?? [];
  expect(Number(step)).toBe(steps / 2);
  expect(Number(after)).toBeCloseTo(Number(before), 3); // the last digit printed may round either way
});

it("a model and strategies of one's own train, grow, go on and write", () => {
  const output = said.get("own") ?? "";
  expect(output).toContain("step 4: grown by mine:near-copies: mixer 96 → 192 tokens, ");
  expect(output).toMatch(
    /step 6: grown by mine:deeper: layers 2 → 3, \d+ → \d+ parameters\n {2}largest change of a logit 0\.0e\+0\n/,
  );
  const losses = [...output.matchAll(/^step (\d+): val loss (\S+)$/gm)].map(([, step, loss]) => [
    Number(step),
    Number(loss),
  ]);
  expect(losses.map(([step]) => step)).toEqual([0, 12, 17]);
  expect(losses.at(-1)?.[1]).toBeLessThan(losses[0]?.[1] ?? 0);
  expect(output).toMatch(/\n.{60}\n$/s);
});

it("an operator of one's own stands its proof", () => {
  expect(said.get("own-operator")).toBe("softplus, running sum: values and gradients are right for every target\n");
});

it("a run is fine-tuned, and texts are scored", async () => {
  const output = said.get("fine-tune") ?? "";
  const losses = [...output.matchAll(/^tuned, step \d+: val loss (\S+)$/gm)].map(([, loss]) => Number(loss));
  expect(losses).toHaveLength(2);
  expect(losses[1]).toBeLessThan((losses[0] ?? 0) - 1);
  expect(output).toMatch(/^What is white\? .{1,20}\n/m);
  expect(await readdir(join(folder, "tuned"))).toContain("model.safetensors");
  const [right = 0, wrong = 0] = [
    ...(said.get("score") ?? "").matchAll(/ (\d+\.\d{3}) bits per byte, least likely /g),
  ].map(([, bits]) => Number(bits));
  expect(right).toBeGreaterThan(0);
  expect(right).toBeLessThan(wrong);
});
