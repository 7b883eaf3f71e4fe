import { createRequire } from "node:module";
import { expect, it, onTestFinished, vi } from "vitest";
import { loadKoffi } from "../../src/native-library.ts";
import type { Device, DeviceTensor, Program } from "../../src/runtime/index.ts";
import { emitOnnx, graph, input, matmul, mul, sum, symbol } from "../../src/tensor/index.ts";
import { fromHost, toHost, useDevice } from "../support/device.ts";
import { normal, values } from "../support/values.ts";

const cpu = useDevice("cpu");

/** A program of 3 x w [R, 7] and the sum of x w, of x [R, 5] and w [5, 7]. */
function compiled(device: Device, inPlace: boolean): Promise<Program> {
  const y = matmul(input("x", [symbol("R"), 5]), input("w", [5, 7]));
  return device.compile(graph("product", { y: mul(y, 3), total: sum(y, [0, 1]) }), { download: ["total"], inPlace });
}

const inputsOf = (round: number, rows: number) => ({
  x: toHost(normal(`x${round}`, [rows, 5])),
  w: toHost(normal(`w${round}`, [5, 7])),
});

/** The total, and y as a kernel that takes it over has found it. */
async function taken(device: Device, program: Program, round: number, rows: number) {
  const kept = await device.allocate([rows, 7]);
  const { values, tensors } = await program.runThen(inputsOf(round, rows), {
    ...{ kernel: "accumulate", tensors: { "sum:y": kept }, parameters: ["y"] },
    outputs: { "g:y": "y" },
  });
  const y = fromHost(await device.download(kept));
  await device.dispose([kept]);
  return { values, tensors, y };
}

it("gives the outputs of the binding, whatever was given back before, and for other sizes too", async () => {
  const device = cpu();
  const [binding, inPlace] = [await compiled(device, false), await compiled(device, true)];
  for (const [round, rows] of [3, 3, 3, 11, 2, 2].entries()) {
    const expected = await taken(device, binding, round, rows);
    expect(await taken(device, inPlace, round, rows)).toEqual(expected);
    expect(expected.tensors).toEqual({});
  }
  await binding.release();
  await inPlace.release();
});

it("leaves outputs alone that no kernel took over", async () => {
  const device = cpu();
  const program = await compiled(device, true);
  await taken(device, program, 1, 3);
  const [first, second] = [await program.run(inputsOf(2, 3)), await program.run(inputsOf(3, 3))];
  const binding = await compiled(device, false);
  for (const [round, { tensors }] of [
    [2, first],
    [3, second],
  ] as const) {
    const { tensors: expected } = await binding.run(inputsOf(round, 3));
    const [y, z] = [tensors["y"], expected["y"]];
    if (y === undefined || z === undefined) throw new Error("y stays on the device");
    expect(await device.download(y)).toEqual(await device.download(z));
    await device.dispose([y, z]);
  }
  await binding.release();
  await program.release();
});

it("goes on after a kernel and a run that failed", async () => {
  const device = cpu();
  const program = await compiled(device, true);
  const expected = await taken(device, program, 1, 3);
  const kept = await device.allocate([3, 7]);
  const failing = { kernel: "accumulate", tensors: { "sum:z": kept }, parameters: ["y"] } as const;
  await expect(program.runThen(inputsOf(2, 3), { ...failing, outputs: { "g:y": "y" } })).rejects.toThrow("y");
  const wrong = { ...inputsOf(2, 3), w: toHost(normal("w", [4, 7])) };
  await expect(program.run(wrong)).rejects.toThrow(/ONNX Runtime failed: .*w.*\n {2}inputs: .*float32\[4,7\]/s);
  expect(await taken(device, program, 1, 3)).toEqual(expected);
  await device.dispose([kept]);
  await program.release();
});

it("reads inputs that a kernel has changed since, and others of the same name", async () => {
  const device = cpu();
  const y = mul(input("w", [5, 7]), 2);
  const program = await device.compile(graph("double", { y, total: sum(y, [0, 1]) }), {
    ...{ download: ["total"], inPlace: true },
  });
  /** Twice the sum of w, which triples itself after it. */
  const tripled = async (w: DeviceTensor) => {
    const { values } = await program.runThen(
      { w },
      { kernel: "accumulate", tensors: { "sum:y": w }, parameters: ["y"], outputs: { "g:y": "y" } },
    );
    return values["total"]?.data[0];
  };
  const ones = () => device.upload(toHost(values([5, 7], new Array<number>(35).fill(1))));
  const [first, second] = [await ones(), await ones()];
  expect([await tripled(first), await tripled(first), await tripled(first)]).toEqual([70, 210, 630]);
  expect([await tripled(second), await tripled(first), await tripled(second)]).toEqual([70, 1890, 210]);
  await device.dispose([first, second]);
  await program.release();
});

it("goes through ONNX Runtime's C interface where koffi is", async ({ skip }) => {
  if (process.platform !== "linux") return skip("tried on Linux alone");
  const { openNativeRuntime } = await import("../../src/runtime/native-session.ts");
  const runtime = await openNativeRuntime(createRequire(import.meta.url)("onnxruntime-node").Tensor);
  expect(runtime).toBeDefined();
});

it("loads koffi for whoever asks in a thread, the communicator among them", async ({ skip }) => {
  const first = await loadKoffi().catch(() => undefined);
  if (first === undefined) return skip();
  expect(await loadKoffi()).toBe(first);
});

it("releases each value that it makes, or that ONNX Runtime makes, also where a run fails", async ({ skip }) => {
  const { NativeRuntime, openNativeRuntime } = await import("../../src/runtime/native-session.ts");
  const { Tensor } = createRequire(import.meta.url)("onnxruntime-node");
  const runtime = await openNativeRuntime(Tensor);
  if (runtime === undefined) return skip("koffi or ONNX Runtime's library is missing");
  const calls = vi.spyOn(NativeRuntime.prototype, "call");
  onTestFinished(() => calls.mockRestore());
  const [x, w] = [input("x", [symbol("R"), 5]), input("w", [5, 7])];
  const model = emitOnnx(graph("product", { y: matmul(x, w) }));
  const settings = { intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 4, extra: {} } as const;
  const session = runtime.createSession(model, ["y"], settings);
  const tensor = (rows: number, columns: number) =>
    new Tensor("float32", new Float32Array(rows * columns).fill(1), [rows, columns]);
  const weights = tensor(5, 7);
  for (const rows of [3, 3, 11]) {
    const results = await session.run({ x: tensor(rows, 5), w: weights });
    session.giveBack?.(new Map(Object.entries(results)));
  }
  await expect(session.run({ x: tensor(3, 2), w: weights })).rejects.toThrow();
  await session.release();
  const count = (name: string) => calls.mock.calls.filter(([called]) => called === name).length;
  // ONNX Runtime makes the output where none was given back: in the first run, and in the third, of another size.
  expect(count("GetTensorTypeAndShape")).toBe(2);
  expect(count("ReleaseValue")).toBe(count("CreateTensorWithDataAsOrtValue") + count("GetTensorTypeAndShape"));
});
