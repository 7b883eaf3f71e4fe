import { availableParallelism } from "node:os";
import { expect, it } from "vitest";
import type { HostTensor } from "../../src/runtime/index.ts";
import {
  add,
  gather,
  gelu,
  gradients,
  graph,
  input,
  l2Normalise,
  matmul,
  mean,
  type Tensor,
} from "../../src/tensor/index.ts";
import { entry, fromHost, toHost, useDevice } from "../support/device.ts";
import { square } from "../support/programs.ts";
import { expectClose, integers, normal, values } from "../support/values.ts";

// ONNX Runtime's ScatterND loses additions on several threads at these sizes, and not at small ones: that gradients are the
// same each time must be shown at the sizes of a real step.

const threaded = useDevice("cpu", { threads: Math.max(2, availableParallelism()) });
const single = useDevice("cpu", { threads: 1 });

/** The gradients of a layer of 512 parameter tokens on 768 rows, and of tables of 65 and of 5003 rows looked up 4096 times. */
function step() {
  const [keys, vectors] = [input("keys", [512, 128]), input("vectors", [512, 128])];
  const [small, large, mix] = [input("small", [65, 128]), input("large", [5003, 128]), input("mix", [128, 64])];
  const scores = matmul(input("x", [768, 128]), keys, { transposeB: true });
  const layer = matmul(gelu(l2Normalise(scores, input("tau", []))), vectors);
  const ids = input("ids", [4096], "int32");
  const found = (table: Tensor) => mean(square(matmul(gather(table, ids), mix)));
  const loss = add(mean(square(layer)), add(found(small), found(large)));
  const parameters = { keys, vectors, small, large, mix };
  const all = gradients(loss, Object.values(parameters));
  const named = Object.keys(parameters).map((name, index) => [`d ${name}`, all[index] ?? loss] as const);
  return graph("step", { loss, ...Object.fromEntries(named) });
}

const inputs = Object.fromEntries(
  Object.entries({
    x: normal("x", [768, 128]),
    keys: normal("keys", [512, 128]),
    vectors: normal("vectors", [512, 128]),
    tau: values([], [Math.sqrt(512)]),
    small: normal("small", [65, 128]),
    large: normal("large", [5003, 128]),
    ids: integers("ids", [4096], 61), // each id many times over
    mix: normal("mix", [128, 64]),
  }).map(([name, value]) => [name, toHost(value)] as const),
);

const bytes = ({ data }: HostTensor) => Buffer.from(data.buffer, data.byteOffset, data.byteLength);

it("a gradient graph gives the same bits each time, and on one thread the same numbers", async () => {
  const program = step();
  const download = [...program.outputs.keys()];
  const compiled = await threaded().compile(program, { download });
  const { values: first } = await compiled.run(inputs);
  expect(Object.keys(first)).toEqual(download);
  for (let repeat = 1; repeat <= 20; repeat++) {
    const { values: again } = await compiled.run(inputs);
    for (const [name, value] of Object.entries(first)) {
      expect(bytes(value).equals(bytes(entry(again, name))), `${name}, repeat ${repeat}`).toBe(true);
    }
  }
  const { values: reference } = await (await single().compile(program, { download })).run(inputs);
  for (const [name, value] of Object.entries(reference)) {
    expectClose(fromHost(entry(first, name)), fromHost(value), 1e-5, name);
  }
});
