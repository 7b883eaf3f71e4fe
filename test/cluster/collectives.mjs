/** A rank of a test: takes part in every operation, and prints what came of it. */

import { inProcessCommunicators, launchedBy, loadMpi, MpiCommunicator } from "../../dist/cluster/index.js";

const [order, lengths, library] = process.argv.slice(2);
const launched = launchedBy(process.env);
if (launched === undefined) throw new Error("was not started by an MPI");
const communicator = MpiCommunicator.join(await loadMpi(library, launched.kind), { order });
const { rank, size } = communicator;

const made = new Map();

/** Numbers whose sum depends on the order. */
function valuesOf(length, of) {
  const key = `${length} ${of}`;
  const known = made.get(key) ?? wave(new Float32Array(length), 1 + of * 3, 10 ** (of % 3));
  made.set(key, known);
  return known.slice();
}

/** Fills an array. A loop: a callback for each of a million numbers would be most of what a rank computes. */
function wave(values, phase, factor) {
  for (let index = 0; index < values.length; index++) values[index] = Math.sin(phase + index * 7) * factor;
  return values;
}

const operations = {
  allReduce: (one, values) => one.allReduce(values),
  reduceScatter: (one, values) => one.reduceScatter(values),
  "allReduce in bfloat16": (one, values) => one.allReduce(values, "bfloat16"),
  "reduceScatter in bfloat16": (one, values) => one.reduceScatter(values, "bfloat16"),
  allGather: (one, values) => one.allGather(values),
  broadcast: (one, values) => one.broadcast(values, size - 1),
};

const bytes = (values) => Buffer.from(values.buffer, values.byteOffset, values.byteLength);

/** Whether it is what ranks in one process have. */
async function agrees(name, length) {
  const local = inProcessCommunicators(size);
  const expected = Array.from({ length: size }, (_, of) => valuesOf(length, of));
  const operate = (one, values) => operations[name](one, values);
  await Promise.all(local.map((one, of) => operate(one, expected[of])));
  const values = valuesOf(length, rank);
  await operate(communicator, values);
  // Of a reduce-scatter, the own part alone is defined.
  const isScattered = name.startsWith("reduceScatter");
  const from = isScattered ? Math.floor((length * rank) / size) : 0;
  const to = isScattered ? Math.floor((length * (rank + 1)) / size) : length;
  const [own, wanted] = [values.subarray(from, to), expected[rank].subarray(from, to)];
  let largest = 0;
  for (let index = 0; index < own.length; index++) largest = Math.max(largest, Math.abs(own[index] - wanted[index]));
  return { equal: bytes(own).equals(bytes(wanted)), largest };
}

let turns = 0;
const timer = setInterval(() => turns++, 1);
const results = {};
for (const name of Object.keys(operations)) {
  for (const length of lengths.split(",")) results[`${name} ${length}`] = await agrees(name, Number(length));
}
await communicator.barrier();
clearInterval(timer);
await communicator.close();
process.stdout.write(`${JSON.stringify({ rank, size, results, description: communicator.description })}\n`);
