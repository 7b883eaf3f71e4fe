import { appendFile, cp, mkdir, rm, writeFile } from "node:fs/promises";
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

/** The events of the stream of a run, one by one, without its id. */
async function listen(name: string): Promise<() => Promise<Told>> {
  const { ids, next } = await listenTo(name);
  return async () => {
    const { event, data } = await next();
    expect(data).toMatchObject({ run: ids.get(name) });
    return { event, data: data.records ?? [] };
  };
}

/** The events of the stream of some runs. */
async function listenTo(...names: readonly string[]) {
  const { runs }: { runs: { id: string; name: string }[] } = JSON.parse(await (await ask("api/runs")).text());
  const abort = new AbortController();
  open.push(abort);
  const ids = new Map(runs.map((run) => [run.name, run.id]));
  const query = new URLSearchParams(names.map((name): [string, string] => ["run", ids.get(name) ?? "none"]));
  const response = await ask(`api/metrics?${query}`, { signal: abort.signal });
  expect(response.headers.get("content-type")).toBe("text/event-stream");
  const events = parsed(response);
  const next = async () => {
    const { value, done } = await events.next();
    if (done === true) throw new Error("the stream ended");
    return value;
  };
  return { ids, next };
}

async function* parsed(response: Response) {
  let text = "";
  const decoder = new TextDecoder();
  for await (const bytes of response.body ?? []) {
    text += decoder.decode(bytes, { stream: true });
    const blocks = text.split("\n\n");
    text = blocks.pop() ?? "";
    for (const block of blocks) {
      const found = /^event: (.*)\ndata: (.*)$/.exec(block);
      if (found === null) continue;
      const data: { readonly run: string; readonly records?: readonly unknown[] } = JSON.parse(found[2] ?? "");
      yield { event: found[1] ?? "", data };
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

  it("of several runs come in one stream, those that there are not left out, and go on where one cannot be read", async () => {
    await cp(at("runs/first"), at("runs/second"), { recursive: true });
    await cp(at("runs/first"), at("runs/third"), { recursive: true });
    await rm(at("runs/third/metrics.jsonl"), { force: true });
    await mkdir(at("runs/third/metrics.jsonl"));
    const { ids, next } = await listenTo("runs/first", "runs/second", "runs/third", "runs/none");
    const told = [await next(), await next(), await next(), await next()];
    for (const name of ["runs/first", "runs/second"]) {
      const own = told.filter(({ data }) => data.run === ids.get(name)).map(({ event }) => event);
      expect(own, name).toEqual(["reset", "metrics"]);
    }
    for (const [name, step] of [
      ["runs/second", 7],
      ["runs/first", 8],
    ] as const) {
      await appendFile(at(name, "metrics.jsonl"), `{"step":${step}}\n`);
      expect(await next()).toEqual({ event: "metrics", data: { run: ids.get(name), records: [{ step }] } });
    }
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
