import { fileURLToPath } from "node:url";
import { beforeAll, expect, it } from "vitest";
import { startProcess } from "./support/command-line.ts";

const ROOT = fileURLToPath(new URL("../", import.meta.url));
const COMPILER = fileURLToPath(new URL("../node_modules/typescript/bin/tsc", import.meta.url));

beforeAll(async () => {
  const { code, stdout } = await startProcess([COMPILER, "-p", "examples/tsconfig.json"], ROOT).outcome;
  expect(code, stdout).toBe(0);
});

/** Runs an example and reads the losses and the text that it prints. */
async function example(name: string, steps: number) {
  const command = [`dist-examples/${name}.js`, "--steps", String(steps)];
  const { code, stdout, stderr } = await startProcess(command, ROOT).outcome;
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const line = /^step (\d+): train loss (\d+\.\d{4}), val loss (\d+\.\d{4})$/gm;
  const losses = [...stdout.matchAll(line)].map(([, step, train, validation]) => ({
    step: Number(step),
    train: Number(train),
    validation: Number(validation),
  }));
  expect(losses.map(({ step }) => step)).toEqual([0, steps]);
  const [first, last] = losses;
  return { stdout, first, last, text: stdout.split(/, val loss \d+\.\d{4}\n/).at(-1) ?? "" };
}

it.each([
  ["bigram", 250],
  ["gpt", 60],
  ["tokenformer", 60],
])("%s learns and writes", async (name, steps) => {
  const { first, last, stdout, text } = await example(name, steps);
  expect(last?.train).toBeLessThan(Number(first?.train) - 0.5);
  expect(last?.validation).toBeLessThan(Number(first?.validation) - 0.5);
  expect([...text]).toHaveLength(500 + 1); // and a line break
  if (name !== "tokenformer") return;
  const [, step, before, after] = /^step (\d+): grown by half, val loss (\S+) before, (\S+) after$/m.exec(stdout) ?? [];
  expect(Number(step)).toBe(steps / 2);
  expect(Number(after)).toBeCloseTo(Number(before), 3); // the last digit printed may round either way
});
