import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { messageOf, UserError } from "../../src/errors.ts";
import { type DeviceName, deviceNames, type HostTensor, openDevice } from "../../src/runtime/index.ts";
import { ThreadConnection } from "../../src/runtime/thread-connection.ts";
import {
  add,
  addDimensions,
  concat,
  type DataType,
  gather,
  graph,
  input,
  matmul,
  mul,
  symbol,
} from "../../src/tensor/index.ts";
import { entry, fromHost, run, toHost, useDevice } from "../support/device.ts";
import { square } from "../support/programs.ts";
import { expectClose, normal, values } from "../support/values.ts";

const device = useDevice();
const N = symbol("N");
const vector = (...numbers: number[]): HostTensor => toHost(values([numbers.length], numbers));
const part: HostTensor = {
  dtype: "float32",
  shape: [3],
  data: Float32Array.from({ length: 1000 }, (_, index) => index).subarray(500, 503),
};
const doubler = graph("doubler", { y: mul(input("x", [N]), 2) });

/** Four products of 1500 × 1500 matrices: much longer than a tick of the clock. */
function long() {
  const x = input("x", [1500, 1500]);
  const product = graph("long", { y: matmul(square(x), matmul(x, matmul(x, matmul(x, x)))) });
  return { product, inputs: { x: toHost(normal("long", [1500, 1500], 0.02)) } };
}

describe("programs", () => {
  it("keep outputs on the device, which can be fed back", async () => {
    const program = await device().compile(doubler);
    const first = await program.run({ x: vector(1, 2, 3) });
    expect(first.values).toEqual({});
    const y = entry(first.tensors, "y");
    expect(y).toMatchObject({ dtype: "float32", shape: [3] });
    const second = await program.run({ x: y });
    expect((await device().download(entry(second.tensors, "y"))).data).toEqual(new Float32Array([4, 8, 12]));
    expect((await device().download(y)).data).toEqual(new Float32Array([2, 4, 6]));
  });

  it("are emitted once for all that compile them alike", async () => {
    const request = vi.spyOn(ThreadConnection.prototype, "request");
    const x = input("x", [N, 3]);
    const cubes = graph("cubes", { y: matmul(mul(x, mul(x, x)), input("w", [3, 3])) });
    const w = await device().upload({ dtype: "float32", shape: [3, 3], data: new Float32Array(9).fill(1) });
    const other = await device().another(1);
    const programs = [
      await device().compile(cubes),
      await other.compile(cubes, { download: ["y"] }),
      await device().compile(cubes, { target: "portable" }),
      await device().compile(cubes, { frozen: new Map([["w", w]]), download: ["y"] }),
    ];
    const calls = request.mock.calls.filter(([name]) => name === "compile");
    const [first, alike, portable, frozen] = calls.map(([, given]) => ("model" in given ? given.model : undefined));
    expect(first).toBeInstanceOf(Uint8Array);
    expect(alike).toBe(first);
    expect(portable).not.toBe(first);
    expect(frozen).not.toBe(portable);
    request.mockRestore();
    const given = { x: toHost(values([1, 3], [1, 2, 3])) };
    expect((await programs[3]?.run(given))?.values["y"]?.data).toEqual(new Float32Array(3).fill(36));
    await other.close();
  });

  it("bring the outputs to the host that are asked for", async () => {
    const x = input("x", [N]);
    const program = await device().compile(graph("two", { a: add(x, 1), b: mul(x, 3) }), { download: ["b"] });
    const { values: host, tensors } = await program.run({ x: vector(1, 2) });
    expect(host).toEqual({ b: { dtype: "float32", shape: [2], data: new Float32Array([3, 6]) } });
    expect(Object.keys(tensors)).toEqual(["a"]);
  });

  it("do not change their inputs", async () => {
    const x = vector(1, 2, 3);
    await (await device().compile(doubler)).run({ x });
    expect(x.data).toEqual(new Float32Array([1, 2, 3]));
  });

  it("answer concurrent runs in order", async () => {
    const program = await device().compile(doubler, { download: ["y"] });
    const order: number[] = [];
    const runs = Array.from({ length: 20 }, async (_, index) => {
      const { values: host } = await program.run({ x: vector(index, index + 1) });
      order.push(index);
      return entry(host, "y").data;
    });
    const answers = await Promise.all(runs);
    expect(order).toEqual(order.toSorted((a, b) => a - b));
    answers.forEach((answer, index) => {
      expect(answer).toEqual(new Float32Array([2 * index, 2 * index + 2]));
    });
  });

  it("leave the event loop free", async () => {
    const { product, inputs } = long();
    const program = await device().compile(product);
    let ticks = 0;
    const timer = setInterval(() => ticks++, 1);
    await program.run(inputs);
    clearInterval(timer);
    expect(ticks).toBeGreaterThan(5);
  });
});

describe("tensors", () => {
  it.each<[DataType, number[]]>([
    ["float32", [1.5, -2.25, 2 ** 100, 0, -0.125, 7]],
    ["int32", [1, -(2 ** 31), 2 ** 31 - 1, 0, 5, 7]],
    ["int64", [1, -(2 ** 40), 2 ** 40, 0, 5, 7]],
    ["bool", [1, 0, 0, 1, 1, 0]],
  ])("of %s survive upload and download", async (dtype, data) => {
    const original = values([2, 3], data, dtype);
    const uploaded = await device().upload(toHost(original));
    expect(uploaded).toMatchObject({ dtype, shape: [2, 3] });
    expect(fromHost(await device().download(uploaded))).toEqual(original);
  });

  it("may be a view of a part of a buffer", async () => {
    const downloaded = await device().download(await device().upload(part));
    expect(downloaded.data).toEqual(new Float32Array([500, 501, 502]));
    const program = await device().compile(doubler, { download: ["y"] });
    expect(entry((await program.run({ x: part })).values, "y").data).toEqual(new Float32Array([1000, 1002, 1004]));
  });
});

it("arrays in shared memory are copied", async () => {
  const data = new Float32Array(new SharedArrayBuffer(3 * Float32Array.BYTES_PER_ELEMENT));
  data.set([1, 2, 3]);
  const x = await device().upload({ dtype: "float32", shape: [3], data });
  data.set([7, 8, 9]);
  expect((await device().download(x)).data).toEqual(new Float32Array([1, 2, 3]));
});

describe("another device", () => {
  it("has tensors and programs of its own, and is closed with the first", async () => {
    const first = await openDevice("cpu", { threads: 2 });
    const second = await first.another(1);
    expect([first.threads, second.threads]).toEqual([2, 1]);
    const [x, program] = [await second.upload(vector(1, 2)), await second.compile(doubler, { download: ["y"] })];
    expect(entry((await program.run({ x })).values, "y").data).toEqual(new Float32Array([2, 4]));
    const own = await first.upload(vector(3, 4));
    const [atFirst, foreign] = [await first.compile(doubler), `buffer ${x.id} is of another device; use it there`];
    await expect(first.download(x)).rejects.toThrow(foreign);
    await expect(atFirst.run({ x })).rejects.toThrow(foreign);
    await expect(first.dispose([own, x])).rejects.toThrow(foreign);
    expect((await first.download(own)).data).toEqual(new Float32Array([3, 4]));
    await first.close();
    await expect(second.download(x)).rejects.toThrow("the device is closed");
  });

  it("can be closed before the first", async () => {
    const first = await openDevice("cpu", { threads: 1 });
    await (await first.another(1)).close();
    await expect(first.upload(vector(1))).resolves.toMatchObject({ shape: [1] });
    await first.close();
  });
});

describe("kernels", () => {
  let folder = "";
  let module = "";
  const own = (name: string) => ({ module, export: name });
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "tokenformer-kernel-"));
    const file = join(folder, "kernel.mjs");
    module = pathToFileURL(file).href;
    await writeFile(
      file,
      `export function scale({ x }, factor) { for (let i = 0; i < x.length; i++) x[i] *= factor; return x.length; }
       export function bytes({ x }) { return x.buffer.byteLength; }
       export function fail() { throw new Error("the kernel failed"); }`,
    );
  });
  afterAll(() => rm(folder, { recursive: true }));

  it("change tensors in place and answer", async () => {
    const x = await device().upload(vector(1, 2, 3));
    expect(await device().kernel({ kernel: own("scale"), tensors: { x }, parameters: 10 })).toBe(3);
    expect((await device().download(x)).data).toEqual(new Float32Array([10, 20, 30]));
    const program = await device().compile(doubler, { download: ["y"] });
    expect(entry((await program.run({ x })).values, "y").data).toEqual(new Float32Array([20, 40, 60]));
  });

  it("take over outputs of a run", async () => {
    const program = await device().compile(doubler, { download: [] });
    const kernel = { kernel: own("scale"), tensors: {}, outputs: { x: "y" }, parameters: 10 };
    const x = vector(1, 2, 3);
    expect(await program.runThen({ x }, kernel)).toEqual({ values: {}, tensors: {}, answer: 3 });
    await expect(program.runThen({ x }, { ...kernel, outputs: { x: "z" } })).rejects.toThrow(/nothing named z$/);
  });

  it("get a view without the rest of its buffer", async () => {
    expect(
      await device().kernel({
        kernel: own("bytes"),
        tensors: { x: await device().upload(part) },
        parameters: undefined,
      }),
    ).toBe(12);
  });

  it("leave earlier downloads alone", async () => {
    const x = await device().upload(vector(1, 2));
    const before = await device().download(x);
    await device().kernel({ kernel: own("scale"), tensors: { x }, parameters: 10 });
    expect(before.data).toEqual(new Float32Array([1, 2]));
  });

  it("report what they throw, and that they do not exist", async () => {
    await expect(device().kernel({ kernel: own("fail"), tensors: {}, parameters: undefined })).rejects.toThrow(
      "the kernel failed",
    );
    await expect(device().kernel({ kernel: own("none"), tensors: {}, parameters: undefined })).rejects.toThrow(
      /exports no function "none"$/,
    );
  });

  it("refuse parameters that cannot be sent, and work on", async () => {
    await expect(device().kernel({ kernel: own("scale"), tensors: {}, parameters: () => 1 })).rejects.toThrow(
      "could not be cloned",
    );
    await expect(device().upload(vector(1))).resolves.toMatchObject({ shape: [1] });
  });
});

describe("errors", () => {
  it("name the program and the inputs that are missing", async () => {
    const program = await device().compile(graph("sum", { y: add(input("a", [3]), input("b", [3])) }));
    await expect(program.run({ a: vector(1, 2, 3) })).rejects.toThrow("sum: the input b is missing");
    await expect(program.run({})).rejects.toThrow("sum: the input a, b is missing");
  });

  it("name inputs that differ in a size which they share, where one row would be repeated", async () => {
    const [P, a, b] = [symbol("P"), input("a", [N, 3]), input("b", [N, 1])];
    const sum = await device().compile(graph("sum", { y: add(a, b) }), { download: ["y"] });
    const rows = (count: number, width: number) => toHost(normal(`rows ${count}`, [count, width]));
    expect(entry((await sum.run({ a: rows(5, 3), b: rows(5, 1) })).values, "y").shape).toEqual([5, 3]);
    await expect(sum.run({ a: rows(5, 3), b: rows(1, 1) })).rejects.toThrow(
      "sum: the input b has 1 in axis 0, expected 5, which is N as in axis 0 of a",
    );
    const after = input("after", [addDimensions(P, 1), 3]);
    const joined = await device().compile(graph("joined", { y: concat([after, input("before", [P, 3])], 0) }));
    await joined.run({ after: rows(8, 3), before: rows(7, 3) });
    await expect(joined.run({ after: rows(7, 3), before: await device().upload(rows(7, 3)) })).rejects.toThrow(
      "joined: the input after has 7 in axis 0, expected 8, which is P + 1",
    );
    const weights = new Map([["b", await device().upload(rows(2, 1))]]);
    const frozen = await device().compile(graph("frozen", { y: add(a, b) }), { frozen: weights });
    await expect(frozen.run({ a: rows(5, 3) })).rejects.toThrow(/^frozen: .* in axis 0, expected/);
  });

  it("name outputs that are none, and those that are", async () => {
    const traced = graph("two", { a: add(input("x", [3]), 1), b: mul(input("y", [3]), 3) });
    await expect(device().compile(traced, { download: ["a", "typo"] })).rejects.toThrow(
      "two: there is no output typo to download; there are a, b",
    );
  });

  it("of ONNX Runtime tell the inputs", async () => {
    const program = await device().compile(graph("fixed", { y: mul(input("x", [3]), 2) }));
    await expect(program.run({ x: vector(1, 2) })).rejects.toThrow(
      /ONNX Runtime failed: Got invalid dimensions[\s\S]*\n {2}inputs: x: float32\[2\] on cpu$/,
    );
    const ids = toHost(values([1], [7], "int32"));
    const lookup = await device().compile(
      graph("lookup", { y: gather(input("x", [3, 1]), input("ids", [1], "int32")) }),
    );
    const x = toHost(values([3, 1], [1, 2, 3]));
    await expect(lookup.run({ x, ids })).rejects.toThrow(/indices.*out of.*bounds[\s\S]*ids: int32\[1\] on cpu/);
  });

  it("tell that a tensor was disposed or a program released", async () => {
    const x = await device().upload(vector(1, 2, 3));
    await device().dispose([x]);
    await expect(device().download(x)).rejects.toThrow(`buffer ${x.id} was disposed or never existed`);
    const program = await device().compile(doubler);
    await expect(program.run({ x })).rejects.toThrow(`buffer ${x.id} was disposed or never existed`);
    await program.release();
    await program.release();
    await expect(program.run({ x: vector(1) })).rejects.toThrow(`${doubler.name}: the program was released`);
  });
});

describe("close", () => {
  it("rejects what is pending and what comes later", async () => {
    const closing = await openDevice("cpu");
    const { product, inputs } = long();
    const program = await closing.compile(product);
    const runs = [program.run(inputs), program.run(inputs)];
    const rejections = Promise.all(runs.map((run) => expect(run).rejects.toThrow("the device is closed")));
    await Promise.all([closing.close(), closing.close(), rejections]);
    await expect(closing.upload(vector(1))).rejects.toThrow("the device is closed");
    await closing.close();
  });

  it("may come at any moment of a run", async () => {
    const data = toHost(normal("close", [300, 300], 0.1));
    const x = input("x", [300, 300]);
    const product = graph("product", { y: matmul(x, matmul(x, x)) });
    for (let delay = 0; delay < 8; delay++) {
      const closing = await openDevice("cpu", { threads: 1 });
      const program = await closing.compile(product);
      const outcome = program.run({ x: data }).then(() => "done", messageOf);
      await new Promise((resolve) => setTimeout(resolve, delay / 2));
      await closing.close();
      // Done in time or not: ONNX Runtime aborts the process where its thread is terminated in a run.
      expect(["done", "the device is closed"]).toContain(await outcome);
    }
  });
});

describe("openDevice", () => {
  it("opens something by itself", async () => {
    const own = await openDevice("auto", { threads: 1 });
    expect(deviceNames).toContain(own.kind);
    expect(own.description).toMatch(own.kind === "cpu" ? /^cpu \(.+, 1 thread\)$/ : /^(cuda|webgpu)$/);
    const { y } = await run(own, { y: mul(input("x", [3]), 2) }, { x: values([3], [1, 2, 3]) });
    expectClose(y, values([3], [2, 4, 6]), 1e-6);
    await own.close();
  });

  it("refuses devices that there are not, and numbers of threads that none has", async () => {
    const wrong = "gpu" as string as DeviceName;
    await expect(openDevice(wrong)).rejects.toThrow(
      new UserError('there is no device "gpu", expected one of cpu, webgpu, cuda, auto'),
    );
    for (const threads of [0, -3, 1.5, Number.NaN]) {
      const refused = new UserError(`threads: got ${threads}, expected a whole number of 1 or more`);
      await expect(openDevice("cpu", { threads })).rejects.toThrow(refused);
      await expect(device().another(threads)).rejects.toThrow(refused);
      await expect(device().compile(doubler, { threads })).rejects.toThrow(refused);
    }
  });

  it("says in one line how to get CUDA where there is none", async ({ skip }) => {
    const opened = await openDevice("cuda").catch((error: unknown) => error);
    if (!(opened instanceof Error)) return skip("CUDA is here");
    expect(opened).toBeInstanceOf(UserError);
    expect(opened.message).toMatch(/^the device "cuda" is not available here: .*, or use --device cpu\.$/);
  });
});
