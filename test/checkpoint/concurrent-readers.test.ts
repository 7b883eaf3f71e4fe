/** A process that saves as fast as it can, beside readers: each sees one checkpoint, whole. */

import { afterEach, describe, expect, it } from "vitest";
import { loadCheckpoint, loadSummary, openCheckpoint, saveCheckpoint } from "../../src/checkpoint/index.ts";
import type { Checkpoint } from "../../src/checkpoint/portable.ts";
import { openRun } from "../../src/training/index.ts";
import { useFolder } from "../formats/helpers.ts";
import { startProcess } from "../support/command-line.ts";
import { useDevice } from "../support/device.ts";
import { corpus, tinyConfig } from "../training/support.ts";

const device = useDevice("cpu", { threads: 1 });
const folder = useFolder();

const BUILT = JSON.stringify(new URL("../../dist/checkpoint/index.js", import.meta.url).href);

/** Saves checkpoint after checkpoint, each with its own number in the step, in the progress and in all its tensors. */
const WRITER = `
  import { loadCheckpoint, saveCheckpoint } from ${BUILT};
  const [run, best] = process.argv.slice(1);
  const { state, progress, ...others } = await loadCheckpoint(run);
  const filled = (tensors, value) =>
    new Map([...tensors].map(([name, { shape, data }]) => [name, { shape, data: data.map(() => value) }]));
  for (let n = 1; ; n++) {
    const moments = { first: filled(state.parameters, n), second: filled(state.parameters, n) };
    const numbered = { ...state, step: n, parameters: filled(state.parameters, n), moments };
    const checkpoint = { ...others, state: numbered, progress: { ...progress, tokens: n }, dataName: String(n) };
    await saveCheckpoint(run, checkpoint);
    await saveCheckpoint(best, checkpoint);
  }
`;

let writer: ReturnType<typeof startProcess> | undefined;

afterEach(async () => {
  writer?.signal("SIGKILL");
  await writer?.outcome;
});

/** Starts the writer on a run and its best checkpoint, each with a first one that is numbered 0. */
async function startWriter(): Promise<readonly string[]> {
  const places = [folder.at("run"), folder.at("run", "best")];
  const run = await openRun({ config: tinyConfig(), data: corpus, device: device() });
  const checkpoint = await run.checkpoint();
  await run.close();
  const parameters = zeros(checkpoint.state.parameters);
  const state = { ...checkpoint.state, parameters, moments: { first: parameters, second: parameters } };
  for (const place of places) await saveCheckpoint(place, { ...checkpoint, state, dataName: "0" });
  writer = startProcess(["--input-type=module", "-e", WRITER, ...places], folder.at());
  return places;
}

function zeros(tensors: Checkpoint["state"]["parameters"]): Checkpoint["state"]["parameters"] {
  return new Map(
    [...tensors].map(([name, { shape, data }]) => [name, { shape, data: new Float32Array(data.length) }] as const),
  );
}

/** The numbers that a checkpoint has in its files. */
function numbersOf({ state, progress, dataName }: Checkpoint): Set<number> {
  const { parameters, moments } = state;
  const tensors = [parameters, moments?.first, moments?.second].flatMap((part) => [...(part?.values() ?? [])]);
  return new Set([state.step, progress.tokens, Number(dataName), ...tensors.flatMap(({ data }) => [...data])]);
}

describe("beside a process that saves as fast as it can", () => {
  it("every checkpoint that is read is whole, of the run and of its best", async () => {
    const places = await startWriter();
    const seen = new Map(places.map((place) => [place, new Set<number>()]));
    const reader = async (place: string) => {
      const numbers = seen.get(place) ?? new Set();
      for (let load = 0; load < 40 || (numbers.size < 10 && load < 10_000); load++) {
        const found = numbersOf(await loadCheckpoint(place));
        expect([...found]).toHaveLength(1);
        for (const number of found) numbers.add(number);
      }
    };
    await Promise.all([...places, ...places].map(reader));
    // The writer was at work meanwhile.
    for (const numbers of seen.values()) expect(numbers.size).toBeGreaterThanOrEqual(10);
  });

  it("the weights of an opened checkpoint stay those of its summary, however long they are waited for", async () => {
    const [run = ""] = await startWriter();
    const opened = await openCheckpoint(run);
    const { step } = opened.summary.state;
    while ((await loadSummary(run)).state.step < step + 5);
    const read = new Set<number>();
    for await (const [, { data }] of opened.parameters()) for (const value of data) read.add(value);
    expect([...read]).toEqual([step]);
    expect(numbersOf(await opened.load())).toEqual(new Set([step]));
    await opened.close();
    await expect(opened.load()).rejects.toThrow();
  });
});
