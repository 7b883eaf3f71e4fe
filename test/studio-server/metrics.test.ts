import { appendFile, rm, writeFile } from "node:fs/promises";
import { afterEach, describe, expect, it } from "vitest";
import { useStudioServer } from "../support/studio-server.ts";

const { answer, ask, at, metrics } = useStudioServer();
const open: AbortController[] = [];

afterEach(() => {
  for (const stream of open.splice(0)) stream.abort();
});

interface Told {
  readonly event: string;
  readonly data: unknown;
}

/** The events of a run's stream, one by one. */
async function listen(name: string): Promise<() => Promise<Told>> {
  const { runs }: { runs: { id: string; name: string }[] } = JSON.parse(await (await ask("api/runs")).text());
  const abort = new AbortController();
  open.push(abort);
  const id = runs.find((run) => run.name === name)?.id;
  const response = await ask(`api/runs/${id}/metrics`, { signal: abort.signal });
  expect(response.headers.get("content-type")).toBe("text/event-stream");
  const events = parsed(response);
  return async () => {
    const { value, done } = await events.next();
    if (done === true) throw new Error("the stream ended");
    return value;
  };
}

async function* parsed(response: Response): AsyncGenerator<Told> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const bytes of response.body ?? []) {
    text += decoder.decode(bytes, { stream: true });
    const blocks = text.split("\n\n");
    text = blocks.pop() ?? "";
    for (const block of blocks) {
      const found = /^event: (.*)\ndata: (.*)$/.exec(block);
      if (found !== null) yield { event: found[1] ?? "", data: JSON.parse(found[2] ?? "") };
    }
  }
}

describe("metrics", () => {
  it("are told from the first, then as they come, whole lines only", async () => {
    const next = await listen("runs/first");
    expect(await next()).toEqual({ event: "reset", data: [] });
    expect(await next()).toEqual({ event: "metrics", data: await metrics("runs/first") });
    await appendFile(at("runs/first/metrics.jsonl"), '{"step":7,"loss":1.5}\n{"step":8,');
    expect(await next()).toEqual({ event: "metrics", data: [{ step: 7, loss: 1.5 }] });
    await appendFile(at("runs/first/metrics.jsonl"), '"loss":1.25}\n');
    expect(await next()).toEqual({ event: "metrics", data: [{ step: 8, loss: 1.25 }] });
  });

  it("are told anew when a run is resumed, and then while it trains", async () => {
    const next = await listen("runs/first");
    expect(await next()).toMatchObject({ event: "reset" });
    expect(await next()).toMatchObject({ event: "metrics" });
    await answer("train", "--resume", "--out", "runs/first", "--set", "training.steps=9");
    let told: unknown[] = [];
    for (let resets = 0; JSON.stringify(told) !== JSON.stringify(await metrics("runs/first")); ) {
      const { event, data } = await next();
      if (event === "reset") resets++;
      if (event === "reset") told = [];
      else if (Array.isArray(data)) told.push(...data);
      expect(resets).toBeLessThanOrEqual(1);
    }
    expect(told).toContainEqual(expect.objectContaining({ step: 9, loss: expect.any(Number) }));
  });

  it("may be missing, and come later", async () => {
    await rm(at("runs/first/metrics.jsonl"));
    const next = await listen("runs/first");
    expect(await next()).toEqual({ event: "reset", data: [] });
    expect(await next()).toEqual({ event: "metrics", data: [] });
    await writeFile(at("runs/first/metrics.jsonl"), '{"step":1}\n');
    expect(await next()).toEqual({ event: "reset", data: [] });
    expect(await next()).toEqual({ event: "metrics", data: [{ step: 1 }] });
  });

  it("of a long run come in pieces", async () => {
    const records = Array.from({ length: 40_000 }, (_, step) => ({ step, loss: 1 / 3, gradientNorm: 2 / 3 }));
    await writeFile(at("runs/first/metrics.jsonl"), records.map((record) => `${JSON.stringify(record)}\n`).join(""));
    const next = await listen("runs/first");
    expect(await next()).toEqual({ event: "reset", data: [] });
    const told: unknown[] = [];
    for (let events = 0; told.length < records.length; events++) {
      const { data } = await next();
      if (Array.isArray(data)) told.push(...data);
      expect(events).toBeLessThan(5);
    }
    expect(told).toEqual(records);
  });
});
