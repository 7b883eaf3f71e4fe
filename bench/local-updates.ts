/**
 * What ranks lose that make updates by themselves: the held-out loss at equal tokens over the number of updates between two exchanges
 * (`training.localSteps`), for several numbers of ranks, with and without growth in the middle; and the bytes that a rank sends, of a
 * ring. The ranks are in this process. What the results have is not made again.
 *
 *     npm run bench:local-updates -- [--steps 400] [--ranks 2,4] [--local-steps 1,10,50,100] [--outer 0.7:0.9,1:0] [--grown no,yes]
 *       [--wire float32] [--seeds 1] [--out docs/benchmarks/local-updates.json]
 *
 * `--outer` has pairs of the outer optimiser's learning rate and momentum: 0.7:0.9 is the paper's, 1:0 the mean of the ranks.
 */

import { readFile, writeFile } from "node:fs/promises";
import { type Config, type Corpus, openCorpus, openDevice, parseConfig, presets, Run } from "tokenformer";
import { type Communicator, inProcessCommunicators } from "tokenformer/training";
import { z } from "zod";
import { machine } from "./measure.ts";
import { countOf, oneOf, parsedOptions } from "./options.ts";

const { values: options } = parsedOptions({
  options: {
    steps: { type: "string", default: "400" },
    ranks: { type: "string", default: "2,4" },
    "local-steps": { type: "string", default: "1,10,50,100" },
    outer: { type: "string", default: "0.7:0.9,1:0" },
    grown: { type: "string", default: "no,yes" },
    wire: { type: "string", default: "float32" },
    seeds: { type: "string", default: "1" },
    out: { type: "string", default: "docs/benchmarks/local-updates.json" },
  },
});

const cellSchema = z.strictObject({
  steps: z.int(),
  ranks: z.int(),
  localSteps: z.int(),
  outerLearningRate: z.number(),
  outerMomentum: z.number(),
  communicationDtype: z.enum(["float32", "bfloat16"]),
  grown: z.boolean(),
  seed: z.int(),
});

type Cell = z.infer<typeof cellSchema>;

const resultsSchema = z.strictObject({
  protocol: z.string(),
  cells: z.array(
    cellSchema.extend({ loss: z.number(), megabytesSent: z.number(), date: z.string(), machine: z.string() }),
  ),
});

const PROTOCOL =
  "the preset mini on Moby-Dick with fewer updates, its batch of 12 divided among the ranks; grown: half of its tokens, doubled in the middle; megabytes that a rank sends in a ring";

const listOf = (text: string, option: string) => text.split(",").map((number) => countOf(number, option));

/** Pairs such as 0.7:0.9. */
const outersOf = (text: string) =>
  text.split(",").map((pair) => {
    const [outerLearningRate = Number.NaN, outerMomentum = Number.NaN] = pair.split(":").map(Number);
    return { outerLearningRate, outerMomentum };
  });

function cellConfig({ steps, ranks: _, grown, seed, ...local }: Cell): Config {
  const { model, training } = presets.mini.config;
  if (model.type !== "tokenformer") throw new Error("mini is a TokenFormer");
  const half = { query: 64, key: 64, value: 64, projection: 64, feedForward: 256 };
  const outer = { ...local, evaluateEvery: 0, evaluateAt: [], checkpointEvery: 0 };
  return parseConfig({
    model: grown ? { ...model, tokens: half } : model,
    training: { ...training, ...outer, steps, warmup: Math.round(steps / 8), seed },
    growth: grown
      ? [
          {
            step: steps / 2,
            newRate: 1,
            add: { query: "x2", key: "x2", value: "x2", projection: "x2", feedForward: "x2" },
          },
        ]
      : [],
  });
}

/** A communicator that counts what a rank sends where the others are machines on a ring: twice each array but for its own part. */
function counted(communicator: Communicator, count: (bytes: number) => void): Communicator {
  const { size } = communicator;
  const times: Readonly<Record<string, number>> = { allReduce: 2, reduceScatter: 1, allGather: 1 };
  return new Proxy(communicator, {
    get: (target, key) => {
      const value: unknown = Reflect.get(target, key);
      if (typeof value !== "function") return value;
      return (...given: readonly unknown[]) => {
        const [array, wire] = given;
        if (array instanceof Float32Array) {
          const bytes = array.byteLength / (wire === "bfloat16" ? 2 : 1);
          count(((times[String(key)] ?? 0) * bytes * (size - 1)) / size);
        }
        return Reflect.apply(value, target, given);
      };
    },
  });
}

/** The loss on the held-out text in the end, and the bytes that the first rank has sent. */
async function outcomeOf(cell: Cell, corpus: Corpus): Promise<{ loss: number; megabytesSent: number }> {
  const config = cellConfig(cell);
  let bytes = 0;
  const losses = await Promise.all(
    inProcessCommunicators(cell.ranks).map(async (own) => {
      const communicator = counted(own, (sent) => {
        if (own.rank === 0) bytes += sent;
      });
      const device = await openDevice("cpu", { threads: 1 });
      const run = await Run.create({ config, corpus, device, communicator });
      let loss = Number.NaN;
      for await (const event of run.events()) if (event.type === "validation") loss = event.validationLoss;
      await run.close();
      await device.close();
      return loss;
    }),
  );
  return { loss: losses[0] ?? Number.NaN, megabytesSent: Number((bytes / 1e6).toFixed(1)) };
}

const steps = countOf(options.steps, "--steps");
const cells = listOf(options.seeds, "--seeds").flatMap((seed) =>
  options.grown.split(",").flatMap((answer) =>
    options.wire.split(",").flatMap((wire) =>
      listOf(options.ranks, "--ranks").flatMap((ranks) =>
        listOf(options["local-steps"], "--local-steps").flatMap((localSteps) =>
          // Ranks that make each update together have no outer optimiser.
          outersOf(localSteps === 1 ? "1:0" : options.outer).map((outer): Cell => {
            const grown = oneOf(["no", "yes"], answer, "--grown") === "yes";
            const communicationDtype = oneOf(["float32", "bfloat16"], wire, "--wire");
            return { steps, ranks, localSteps, ...outer, communicationDtype, grown, seed };
          }),
        ),
      ),
    ),
  ),
);
const text = await readFile(options.out, "utf8").catch(() => JSON.stringify({ protocol: PROTOCOL, cells: [] }));
const results = resultsSchema.parse(JSON.parse(text));
const corpus = await openCorpus("Moby-Dick", "character");
for (const [index, cell] of cells.entries()) {
  const isKnown = results.cells.some((made) =>
    Object.entries(cell).every(([key, value]) => JSON.stringify(Reflect.get(made, key)) === JSON.stringify(value)),
  );
  if (isKnown) continue;
  const startedAt = performance.now();
  const outcome = await outcomeOf(cell, corpus);
  results.cells.push({ ...cell, ...outcome, date: new Date().toISOString().slice(0, 10), machine });
  await writeFile(options.out, `${JSON.stringify(results, undefined, 2)}\n`);
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(0);
  process.stdout.write(`${index + 1} of ${cells.length} ${JSON.stringify({ ...cell, ...outcome })} (${seconds} s)\n`);
}
