/**
 * Whether a change of the engine pays: CPU time of a pass forward and backward of this build beside that of another, which lies beside its
 * `node_modules` in a folder `dist`. Both take turns, pass by pass in random order, in one process on one thread, so that what else the
 * machine does meets both; this build takes part twice, and how far it is from itself tells what the figures are worth (they are means of the two).
 *
 *     npm run bench:passes -- --other DIST [--work frontier,nanogpt-cpu,lecture] [--model tokenformer] [--rounds 100]
 *
 * `frontier` is the study's smallest size: heads of 16 channels at context 128. Passes have half of a step's sequences, as those of a replica.
 */

import type { InferenceSession, Tensor } from "onnxruntime-node";
import { type Work, workModels, workNames, workOf } from "tokenformer/benchmark";
import { frontierPreset, frontierSchema } from "#tokenformer/lab/frontier";
import { tokenFormerOf } from "#tokenformer/lab/study";
import { machine, median, ratiosOf, spread } from "./measure.ts";
import { buildsOf, countOf, oneOf, parsedOptions } from "./options.ts";
import { feedsOf, openSession } from "./passes-session.ts";

const { values: options } = parsedOptions({
  options: {
    other: { type: "string" },
    work: { type: "string", default: "frontier,nanogpt-cpu,lecture" },
    model: { type: "string", default: "tokenformer" },
    rounds: { type: "string", default: "100" },
  },
});

const { own, other } = buildsOf(options.other);
const rounds = countOf(options.rounds, "--rounds");
const type = oneOf(workModels, options.model, "--model");

/** Characters of plain English. */
const VOCABULARY = 90;

/** Model and sequences of a pass. */
function passOf(name: string): Pick<Work, "config" | "batch"> {
  const work = oneOf([...workNames, "frontier"], name, "--work");
  if (work !== "frontier") {
    const { config, batch } = workOf(work, type);
    return { config, batch: Math.ceil(batch / 2) };
  }
  const { model, rungs, training } = frontierSchema.parse(frontierPreset);
  const [smallest] = rungs;
  if (smallest === undefined) throw new Error("a size");
  const config = tokenFormerOf({ model: { ...model, vocabulary: VOCABULARY } }, smallest);
  return { config, batch: training.batch / 2 };
}

/** The program of the gradients as a build makes it. */
async function modelBy(build: string, { config }: Pick<Work, "config">): Promise<Uint8Array> {
  const { modelOf }: typeof import("tokenformer") = await import(`${build}index.js`);
  const { emitOnnx }: typeof import("tokenformer/tensor") = await import(`${build}public/tensor.js`);
  const { gradientsOf }: typeof import("tokenformer/training") = await import(`${build}public/training.js`);
  return emitOnnx(gradientsOf(modelOf(config), config.context).graph);
}

/** Milliseconds of the processor's time that this process has taken. */
function ownTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** Milliseconds of passes of sessions, round by round. */
async function inTurns(sessions: readonly InferenceSession[], feeds: Readonly<Record<string, Tensor>>) {
  const times: number[][] = sessions.map(() => []);
  for (let round = -2; round < rounds; round++) {
    const order = sessions.map((session, index) => ({ session, index, place: Math.random() }));
    for (const { session, index } of order.sort((a, b) => a.place - b.place)) {
      const startedAt = ownTime();
      await session.run(feeds);
      // The first two warm up.
      if (round >= 0) times[index]?.push(ownTime() - startedAt);
    }
  }
  return times;
}

console.log(machine);
for (const name of options.work.split(",")) {
  const pass = passOf(name);
  const sessions: InferenceSession[] = [];
  for (const build of [own, other, own]) sessions.push(await openSession(await modelBy(build, pass), 1));
  const [one = [], before = [], two = []] = await inTurns(sessions, feedsOf(pass));
  const now = one.map((time, round) => (time + (two[round] ?? 0)) / 2);
  const milliseconds = `${median(before).toFixed(2)} ms before, ${median(now).toFixed(2)} now`;
  console.log(
    `${name}: ${milliseconds}, ratio ${spread(ratiosOf(now, before))}; beside itself ${spread(ratiosOf(two, one))}`,
  );
  for (const session of sessions) await session.release();
}
