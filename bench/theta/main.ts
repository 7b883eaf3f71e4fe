/**
 * Whether Θ and its gradient pay as one pass each over the scores, by a WebAssembly program that is an operator of ONNX Runtime's C
 * interface: passes forward and backward with them beside those that are, by the binding and by the C interface; and with them where nothing
 * is copied to and from WebAssembly's memory, so that results are wrong: what saving the copies would bring.
 *
 *     npm run bench:theta -- [--work nanogpt-cpu] [--sequences 6] [--rounds 200]
 *
 * All take turns in one process on one thread, on as many sequences as a replica has unless told. Needs koffi, on Linux.
 */

import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Tensor } from "onnxruntime-node";
import { modelOf } from "tokenformer";
import { workNames, workOf } from "tokenformer/benchmark";
import { emitOnnx } from "tokenformer/tensor";
import { gradientsOf } from "tokenformer/training";
import { ModelProtoSchema, type NodeProto, OperatorSetIdProtoSchema } from "#tokenformer/tensor/onnx-format";
import { machine, median, ratiosOf, spread } from "../measure.ts";
import { countOf, oneOf, parsedOptions } from "../options.ts";
import { feedsOf, openSession } from "../passes-session.ts";
import { circumstances, DOMAIN, isRelaxed, passOf } from "./operators.ts";

const { values: options } = parsedOptions({
  options: {
    work: { type: "string", default: "nanogpt-cpu" },
    sequences: { type: "string" },
    rounds: { type: "string", default: "200" },
  },
});

const { config, batch } = workOf(oneOf(workNames, options.work, "--work"), "tokenformer");
const sequences = options.sequences === undefined ? Math.ceil(batch / 2) : countOf(options.sequences, "--sequences");
const rounds = countOf(options.rounds, "--rounds");

/** The model with one node for the norm and the GELU of each site, and one for their gradient. */
function inOnePass(bytes: Uint8Array): Uint8Array {
  const model = fromBinary(ModelProtoSchema, bytes);
  const { graph } = model;
  if (graph === undefined) throw new Error("a graph");
  const found = (what: string, wanted: (node: NodeProto) => boolean): NodeProto => {
    const node = graph.node.find(wanted);
    if (node === undefined) throw new Error(`no ${what}`);
    return node;
  };
  const user = (type: string, ...names: readonly string[]) =>
    found(`${type} of ${names}`, ({ opType, input }) => opType === type && names.every((name) => input.includes(name)));
  const source = (name = "") => found(`source of ${name}`, ({ output }) => output.includes(name)).input;
  const become = (node: NodeProto, opType: string, input: readonly (string | undefined)[], output: string[]) =>
    Object.assign(node, { opType, domain: DOMAIN, input, output, attribute: [] });
  for (const norm of graph.node.filter(({ opType }) => opType === "SimplifiedLayerNormalization")) {
    const [[a, unit], [u = "", factor = ""]] = [norm.input, norm.output];
    const [scale] = source(source(unit)[0]);
    const gate = user("Add", ...user("Erf", u).output);
    const [gated = ""] = gate.output;
    const product = user("Mul", u, gated);
    const [slope = ""] = user("Add", gated).output;
    const back = user("Mul", slope);
    const toScores = user("Mul", ...user("Sub", ...back.output).output);
    const dh = back.input.find((name) => name !== slope);
    const h = product.output;
    become(toScores, "ThetaGradient", [dh, a, slope, factor, scale], toScores.output);
    for (const node of [product, user("Add", gated)]) node.output = [];
    become(norm, "Theta", [a, scale], [...h, slope, factor]);
  }
  const needed = new Set(graph.output.map(({ name }) => name));
  graph.node = graph.node
    .toReversed()
    .filter(({ input, output }) => {
      const isNeeded = output.some((name) => needed.has(name));
      if (isNeeded) for (const name of input) needed.add(name);
      return isNeeded;
    })
    .toReversed();
  model.opsetImport.push(create(OperatorSetIdProtoSchema, { domain: DOMAIN, version: 1n }));
  return toBinary(ModelProtoSchema, model);
}

const work = { config, batch: sequences };
const feeds = feedsOf(work);
const model = emitOnnx(gradientsOf(modelOf(config), config.context).graph);
const binding = await openSession(model, 1);
const expected: Readonly<Record<string, Tensor>> = await binding.run(feeds);
const places = () =>
  Object.fromEntries(
    Object.entries(expected).map(([name, { dims, size }]) => [
      name,
      new Tensor("float32", new Float32Array(size), dims),
    ]),
  );
const [present, inOne] = [places(), places()];
const asItIs = passOf(model, feeds, present);
const fused = passOf(inOnePass(model), feeds, inOne);

const largestOf = (numbers: readonly number[]) => numbers.reduce((most, number) => Math.max(most, Math.abs(number)), 0);

/** The largest difference of two tensors, over the largest number. */
function apart({ data: one }: Tensor, { data: two }: Tensor): number {
  const [x = [], y = []] = [one, two].map((data) => Array.from(data, Number));
  return largestOf(x.map((number, index) => number - (y[index] ?? Number.NaN))) / largestOf(x);
}

/** What takes turns. */
const passes: Readonly<Record<string, () => unknown>> = {
  binding: () => binding.run(feeds),
  "C interface": asItIs,
  "one pass each": fused,
  "one pass each, copying nothing": () => {
    circumstances.copying = false;
    fused();
    circumstances.copying = true;
  },
};

asItIs();
fused();
const differences = Object.entries(present).map(([name, tensor]) => apart(tensor, inOne[name] ?? tensor));
console.log(`${machine}, ${isRelaxed ? "relaxed" : "plain"} SIMD; ${options.work}, ${sequences} sequences`);
console.log(
  `loss and gradients differ by ${Math.max(...differences).toExponential(1)} of their largest number at most`,
);

/** Milliseconds of passes of a kind, and of what the operators take of them. */
interface Times {
  readonly pass: number[];
  readonly operators: number[];
}

const names = Object.keys(passes);
const times = new Map(names.map((name): [string, Times] => [name, { pass: [], operators: [] }]));
for (let round = -5; round < rounds; round++) {
  for (const name of round % 2 === 0 ? names : names.toReversed()) {
    circumstances.milliseconds = 0;
    const startedAt = performance.now();
    await passes[name]?.();
    // The first ones warm up.
    if (round < 0) continue;
    times.get(name)?.pass.push(performance.now() - startedAt);
    times.get(name)?.operators.push(circumstances.milliseconds);
  }
}
const others = times.get("C interface")?.pass ?? [];
for (const [name, { pass, operators }] of times) {
  const [whole, own] = [median(pass).toFixed(2), median(operators).toFixed(2)];
  console.log(
    `${name}: ${whole} ms, ${own} of it in these operators; over the C interface ${spread(ratiosOf(pass, others))}`,
  );
}
