import files, { readFile } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { afterEach, describe, expect, it } from "vitest";
import { MetricsFile, readMetrics } from "../../src/checkpoint/metrics.ts";
import { follow } from "../../src/studio-server/follow.ts";
import { failure, useFolder } from "../formats/helpers.ts";
import { tinyConfig } from "../training/support.ts";

const folder = useFolder();

const { open } = files;

afterEach(() => {
  files.open = open;
  syncBuiltinESMExports();
});

/**
 * From here on, a file takes so many bytes more, then its disk is full.
 * @param last what fails at the latest
 */
function fillDiskAfter(bytes: number, last: "write" | "close" = "write"): void {
  let left = bytes;
  files.open = async (...args: Parameters<typeof open>) => {
    const handle = await open(...args);
    const { close: closeOf } = handle;
    const write = handle.write.bind(handle);
    const limited = async (buffer: Uint8Array, offset: number, length: number, position: number) => {
      if (left === 0) throw Object.assign(new Error("full"), { code: "ENOSPC" });
      const { bytesWritten } = await write(buffer, offset, Math.min(length, left), position);
      left -= bytesWritten;
      return { bytesWritten, buffer };
    };
    if (last === "write") return Object.assign(handle, { write: limited });
    const close = async () => {
      await Reflect.apply(closeOf, handle, []);
      throw Object.assign(new Error("full"), { code: "ENOSPC" });
    };
    return Object.assign(handle, { write: limited, close });
  };
  syncBuiltinESMExports();
}

const evaluation = (step: number) => {
  const measures = { validationLoss: 1.5, perplexity: 4.5, bitsPerByte: 2.25, tokens: 7, flops: 11, seconds: 0.5 };
  return { type: "validation", step, ...measures } as const;
};

/** An event that is longer than the others, of something that does not happen. */
const growth = { ...evaluation(9), tokens: 2 ** 50, flops: 2 ** 50 };

function openMetrics(): Promise<MetricsFile> {
  const progress = { start: 0, tokens: 0, flops: 0, seconds: 0, growthsDone: 0 };
  const config = { ...tinyConfig(), model: { type: "bigram", vocabulary: 7, context: 5 } as const };
  return MetricsFile.open(folder.at("metrics.jsonl"), { config, state: { step: 0 }, progress });
}

const steps = async () => (await readMetrics(folder.at("metrics.jsonl"))).map(({ step }) => step);

describe("metrics that cannot be read", () => {
  it("are told in a line, and none are there where there is no file", async () => {
    await files.mkdir(folder.at("metrics.jsonl"));
    const message = `UserError: cannot read ${folder.at("metrics.jsonl")}: it is a folder, not a file; check the path`;
    for (const read of [steps, openMetrics]) expect(await failure(read())).toBe(message);
    const { signal } = new AbortController();
    expect(await failure(follow(folder.at("metrics.jsonl"), signal).next())).toBe(message);
    expect(await readMetrics(folder.at("none", "metrics.jsonl"))).toEqual([]);
  });
});

describe("metrics that cannot be written", () => {
  // In the first, between two, and amid the second record.
  it.each([0, 5, 130, 180])("after %d bytes are written the next time, once and whole", async (bytes) => {
    const metrics = await openMetrics();
    metrics.add(evaluation(1));
    await metrics.flush();
    for (const step of [2, 3]) metrics.add(evaluation(step));
    fillDiskAfter(bytes);
    expect(await failure(metrics.flush())).toBe(
      `UserError: cannot write ${folder.at("metrics.jsonl")}: the disk is full; free some space and run again`,
    );
    expect(metrics.pending).toBe(2);
    files.open = open;
    syncBuiltinESMExports();
    metrics.add(evaluation(4));
    await metrics.flush();
    expect(metrics.pending).toBe(0);
    expect(await steps()).toEqual([1, 2, 3, 4]);
    expect((await readFile(folder.at("metrics.jsonl"), "utf8")).split("\n")).toHaveLength(5);
  });

  it.each([5, 130, 180, 10_000])(
    "after %d bytes leave whole records alone, also once they are withdrawn",
    async (bytes) => {
      const metrics = await openMetrics();
      metrics.add(evaluation(1));
      await metrics.flush();
      const whole = await readFile(folder.at("metrics.jsonl"), "utf8");
      metrics.add(evaluation(2));
      metrics.add(growth);
      fillDiskAfter(bytes, "close");
      await failure(metrics.flush());
      expect(await readFile(folder.at("metrics.jsonl"), "utf8")).toBe(whole);
      metrics.withdraw(growth);
      files.open = open;
      syncBuiltinESMExports();
      await metrics.flush();
      expect(await steps()).toEqual([1, 2]);
    },
  );

  it("are taken back where an event that they tell of has not happened after all", async () => {
    const metrics = await openMetrics();
    metrics.add(evaluation(1));
    metrics.add(growth);
    await metrics.flush();
    metrics.withdraw(growth);
    metrics.withdraw(growth);
    expect(await steps()).toEqual([1]);
    metrics.add(evaluation(3));
    await metrics.flush();
    expect((await readFile(folder.at("metrics.jsonl"), "utf8")).split("\n")).toHaveLength(3);
    expect(await steps()).toEqual([1, 3]);
  });

  it("are written anew where the file is gone", async () => {
    const metrics = await openMetrics();
    metrics.add(evaluation(1));
    await metrics.flush();
    await files.rm(folder.at("metrics.jsonl"));
    metrics.add(evaluation(2));
    await metrics.flush();
    expect(await steps()).toEqual([2]);
  });
});
