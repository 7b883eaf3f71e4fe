/**
 * What a network costs: updates of two "hosts" on this machine, which are network namespaces joined by a link that a token bucket limits
 * (for root on Linux, with `ip`, `tc`, `taskset` and Open MPI), beside a simple model; then what the model predicts of many machines.
 *
 *     npm run bench:network -- [measure] [predict] [--cells "mini,mini in bfloat16"] [--rounds 3] [--out docs/benchmarks/network.json] [--figure docs/benchmarks/network.svg]
 */

import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { machine, median } from "./measure.ts";
import { networkFigure } from "./network-figure.ts";
import { NamespaceHosts } from "./network-hosts.ts";
import { type Link, predicted, trafficOf } from "./network-model.ts";
import { predictions } from "./network-prediction.ts";
import { countOf, parsedOptions } from "./options.ts";

const { values: options, positionals } = parsedOptions({
  allowPositionals: true,
  options: {
    cells: { type: "string" },
    rounds: { type: "string", default: "3" },
    out: { type: "string", default: "docs/benchmarks/network.json" },
    figure: { type: "string", default: "docs/benchmarks/network.svg" },
  },
});

const program = fileURLToPath(new URL("ranks-program.js", import.meta.url));

/** What is trained, by the words for the program that the ranks run. */
const CELLS = [
  { what: "mini", localSteps: 1, words: "--preset mini --steps 16" },
  { what: "mini in bfloat16", localSteps: 1, words: "--preset mini --steps 16 --wire bfloat16" },
  { what: "mini with 10 local steps", localSteps: 10, words: "--preset mini --steps 30 --warm-up 10 --local-steps 10" },
  { what: "lecture", localSteps: 1, words: "--preset lecture --batch 4 --steps 4 --warm-up 2" },
  {
    what: "lecture in bfloat16",
    localSteps: 1,
    words: "--preset lecture --batch 4 --steps 4 --warm-up 2 --wire bfloat16",
  },
] as const;

/** Megabits a second; at first without a limit, which is what computing takes. */
const LIMITS = [undefined, 1000, 100] as const;

const printedSchema = z.object({ median: z.number(), mean: z.number(), parameters: z.number(), bytes: z.number() });

interface Turn {
  readonly milliseconds: number;
  readonly megabytes: number;
  readonly bytes: number;
  readonly parameters: number;
}

async function turnOf(hosts: NamespaceHosts, { words, localSteps }: (typeof CELLS)[number]): Promise<Turn> {
  const { output, bytes: sent } = await hosts.run([process.execPath, program, "train", ...words.split(" ")]);
  const { median: middle, mean, bytes, parameters } = printedSchema.parse(JSON.parse(output));
  // Of local updates, those with an exchange take longer.
  return { milliseconds: localSteps === 1 ? middle : mean, megabytes: sent / 1e6, bytes, parameters };
}

/** Seconds from one message to the next: of a barrier, which is two messages one after the other. */
async function latencyOf(hosts: NamespaceHosts): Promise<number> {
  const { output } = await hosts.run([process.execPath, program, "barrier", "--steps", "200"]);
  const printed: { readonly median: number } = JSON.parse(output);
  return printed.median / 2 / 1000;
}

/** Each cell at each limit in turns, beside the model. */
async function measurements(cells: (typeof CELLS)[number][]) {
  const hosts = await NamespaceHosts.open();
  try {
    await hosts.limit(undefined);
    const latency = await latencyOf(hosts);
    const turns = cells.map(() => LIMITS.map((): Turn[] => []));
    for (let round = 0; round < countOf(options.rounds, "--rounds"); round++) {
      for (const [cell, of] of cells.entries()) {
        for (const [limit, megabits] of LIMITS.entries()) {
          await hosts.limit(megabits);
          const turn = await turnOf(hosts, of);
          turns[cell]?.[limit]?.push(turn);
          process.stderr.write(`${of.what}, ${megabits ?? "no"} Mbit/s: ${turn.milliseconds.toFixed(1)} ms\n`);
        }
      }
    }
    return cells.map((of, cell) => compared(of, turns[cell] ?? [], latency));
  } finally {
    await hosts.close();
  }
}

/** The medians of a cell's turns at each limit, beside what the model makes of the one without a limit. */
function compared({ what, localSteps }: (typeof CELLS)[number], turns: readonly (readonly Turn[])[], latency: number) {
  const [free = []] = turns;
  const [{ bytes, parameters } = { bytes: 0, parameters: 0 }] = free;
  const middle = (of: readonly Turn[]) => median(of.map(({ milliseconds }) => milliseconds));
  const compute = middle(free);
  const traffic = trafficOf(bytes, parameters, 2, localSteps);
  const links = LIMITS.flatMap((megabits, index) => {
    if (megabits === undefined) return [];
    const milliseconds = middle(turns[index] ?? []);
    const link: Link = { bandwidth: (megabits * 1e6) / 8, latency };
    const model = 1000 * predicted(compute / 1000, traffic, link);
    const all = turns[index]?.map((turn) => turn.milliseconds);
    return [{ megabits, milliseconds, model, ratio: milliseconds / model, all }];
  });
  const megabytes = {
    modelMegabytesAnUpdate: bytes / 1e6,
    sentMegabytesOfTheRun: median(free.map((turn) => turn.megabytes)),
  };
  const known = { latencyMicroseconds: latency * 1e6, unlimitedMilliseconds: compute };
  return { what, date: new Date().toISOString().slice(0, 10), machine, parameters, ...megabytes, ...known, links };
}

const resultsSchema = z.object({
  measured: z.array(z.looseObject({ what: z.string() })).default([]),
  prediction: z.unknown().optional(),
});

const wanted = positionals.length === 0 ? ["measure", "predict"] : positionals;
const known = resultsSchema.parse(JSON.parse(await readFile(options.out, "utf8").catch(() => "{}")));
if (wanted.includes("measure")) {
  const chosen = options.cells?.split(",");
  const made = await measurements(CELLS.filter(({ what }) => chosen?.includes(what) ?? true));
  known.measured = [...known.measured.filter(({ what }) => made.every((cell) => cell.what !== what)), ...made];
}
if (wanted.includes("predict")) {
  const made = predictions();
  known.prediction = made;
  await writeFile(options.figure, networkFigure(made.points));
}
await writeFile(options.out, `${JSON.stringify(known, undefined, 2)}\n`);
