/**
 * Writing several sequences at once, as a server with that many clients does: tokens a second at the size of the preset 150m with random
 * weights, beside the same model in eager PyTorch with the vector instructions that we use. Sides take turns; medians over rounds.
 *
 *     npm run bench:sequences -- [--python PYTHON] [--sequences 1,8,32] [--context 64] [--tokens 8] [--rounds 7] [--only float32,int8]
 *
 * Each round is printed as soon as there is one.
 */

import { rmSync } from "node:fs";
import { ownInstructions } from "tokenformer/benchmark";
import type { Side } from "./decoding-sides.ts";
import { machine, median, note, ratiosOf } from "./measure.ts";
import { termsOf } from "./mkl.ts";
import { countOf, parsedOptions, someOf } from "./options.ts";

const { values: options } = parsedOptions({
  options: {
    python: { type: "string" },
    sequences: { type: "string", default: "1,8,32" },
    context: { type: "string", default: "64" },
    tokens: { type: "string", default: "8" },
    rounds: { type: "string", default: "7" },
    only: { type: "string", default: "float32,int8,int4" },
  },
});

const { python } = options;
const counts = options.sequences.split(",").map((count) => countOf(count, "--sequences"));
const [context, tokens] = [countOf(options.context, "--context"), countOf(options.tokens, "--tokens")];
const rounds = countOf(options.rounds, "--rounds");
const precisions = someOf(["float32", "int8", "int4"], options.only, "--only");

// Draws the weights of the model, which takes a while: after the options.
const { folder, ours, pytorch } = await import("./decoding-sides.ts");

const sides: Side[] = [];
for (const name of precisions) {
  sides.push(await ours(name, name === "float32" ? undefined : name, "cpu", Math.max(...counts)));
}
if (python !== undefined) {
  const [terms] = termsOf(python, ownInstructions(), folder, note);
  sides.push(pytorch(python, terms?.environment));
}

const rows: unknown[] = [];
for (const sequences of counts) {
  for (const side of sides) {
    await side.begin(context, sequences);
    await side.decode(2);
  }
  const seconds: number[][] = sides.map(() => []);
  for (let round = 1; round <= rounds; round++) {
    for (const [index, side] of sides.entries()) {
      seconds[index]?.push(median(await side.decode(tokens)));
    }
    const rates = sides.map(({ name }, index) => `${name} ${(sequences / (seconds[index]?.at(-1) ?? 0)).toFixed(0)}`);
    note(`${sequences} sequences, round ${round}, tokens a second: ${rates.join(", ")}`);
  }
  for (const [index, { name }] of sides.entries()) {
    const own = seconds[index] ?? [];
    const timesFirst = ratiosOf(own, seconds[0] ?? []);
    const [least, middle, greatest] = [Math.min(...timesFirst), median(timesFirst), Math.max(...timesFirst)];
    rows.push({
      sequences,
      name,
      tokensPerSecond: sequences / median(own),
      timeOverFirst: { least, middle, greatest },
    });
  }
}
for (const side of sides) await side.close();
rmSync(folder, { recursive: true, force: true });
console.log(JSON.stringify({ date: new Date().toISOString().slice(0, 10), machine, context, rows }, undefined, 2));
