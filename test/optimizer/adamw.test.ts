import { describe, expect, it } from "vitest";
import type { Generation } from "../../src/growth/index.ts";
import { givenOf, modelOf } from "../../src/model/index.ts";
import { normal as normalInitial, type ParameterSpec } from "../../src/nn/index.ts";
import type { AdamWOptions, UpdateStep } from "../../src/optimizer/adamw.ts";
import { accumulate, adamwStep } from "../../src/optimizer/adamw-kernel.ts";
import type { AdamWParameters } from "../../src/optimizer/adamw-parameters.ts";
import { updateGraph } from "../../src/optimizer/graph-optimizer.ts";
import { rowUpdates } from "../../src/optimizer/row-updates.ts";
import { Random } from "../../src/random.ts";
import type { HostTensor } from "../../src/runtime/index.ts";
import { Trainer } from "../../src/training/portable.ts";
import { entry, fromHost, useDevice } from "../support/device.ts";
import { drawnBatch, modelState, tinyTokenFormer } from "../support/models.ts";
import { expectClose, values } from "../support/values.ts";
import { newParameter, type ReferenceParameter, referenceStep } from "./adamw-reference.ts";

const device = useDevice("cpu", { threads: 1 });

const options: AdamWOptions = { beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1, clip: 1 };
const LEARNING_RATE = 0.03;
const STEPS = 10;

const initial = normalInitial(1);
const specs: readonly ParameterSpec[] = [
  { name: "site.keys", shape: [7, 3], initial, rate: ([tokens = 0, channels = 0]) => (tokens * channels) / 70 },
  { name: "table", shape: [5, 2], initial },
  { name: "scale", shape: [11], initial, rate: 2.5 },
  { name: "site.tau", shape: [], initial },
];

/** Up to this step the first three rows of `site.keys` are frozen; the other four have a generation of their own. */
const FROZEN_UNTIL = 4;

function generations(counts: readonly [number, number]): readonly Generation[] {
  const [first, second] = counts;
  return [
    { tokens: 3, born: 0, init: "initial", updates: first, frozenUntil: FROZEN_UNTIL },
    { tokens: 4, born: 2, init: "zero-key", updates: second, frozenUntil: 0 },
  ];
}

/** What the trainer would say of update `step`: the first generation counts none of the updates it was frozen for. */
function updateStep(step: number): UpdateStep {
  const counts = [Math.max(0, step - 1 - FROZEN_UNTIL), step - 1] as const;
  return {
    learningRate: LEARNING_RATE,
    step,
    updates: step - 1,
    lossScale: 1,
    generations: (name) => (name === "site.keys" ? generations(counts) : undefined),
  };
}

const isFrozen = (step: number) => (parameter: number, row: number) =>
  parameter === 0 && row < 3 && step <= FROZEN_UNTIL;

/** Rows and columns; a scalar is one row of one. */
const sizes = ({ shape: [rows = 1, columns = 1] }: ParameterSpec) => [Number(rows), Number(columns)] as const;
const length = (spec: ParameterSpec) => sizes(spec)[0] * sizes(spec)[1];

function draw(key: string, spec: ParameterSpec, step = 0, deviation = 1): Float32Array {
  const random = Random.from(key, spec.name, step);
  return Float32Array.from({ length: length(spec) }, () => deviation * random.normal());
}

/** Gradients that are clipped in some steps and not in others. */
const gradientOf = (spec: ParameterSpec, step: number) => draw("gradient", spec, step, step % 3 === 0 ? 0.01 : 0.5);

function arraysAt(step: number, state: ReadonlyMap<string, Float32Array>): Record<string, Float32Array> {
  return { ...Object.fromEntries(state), ...gradientsAt(step) };
}

/** With gradients that many times as large. */
function scaled(arrays: Readonly<Record<string, Float32Array>>, factor: number): Record<string, Float32Array> {
  const entries = Object.entries(arrays);
  return Object.fromEntries(entries.map(([name, x]) => [name, name.startsWith("g:") ? x.map((g) => g * factor) : x]));
}

function gradientsAt(step: number): Record<string, Float32Array> {
  return Object.fromEntries(specs.map((spec) => [`g:${spec.name}`, gradientOf(spec, step)]));
}

function newState(): Map<string, Float32Array> {
  return new Map(
    specs.flatMap((spec) => [
      [`p:${spec.name}`, draw("initial", spec)] as const,
      [`m:${spec.name}`, new Float32Array(length(spec))] as const,
      [`v:${spec.name}`, new Float32Array(length(spec))] as const,
    ]),
  );
}

function kernelParameters(step: UpdateStep, { clip, ...others }: AdamWOptions = options): AdamWParameters {
  const tensors = specs.map((spec) => ({
    name: spec.name,
    decay: spec.shape.length > 1 ? options.weightDecay : 0,
    rows: rowUpdates(spec, spec.shape.map(Number), step, options),
  }));
  const { learningRate, lossScale } = step;
  return { ...others, clip: clip === 0 ? Number.POSITIVE_INFINITY : clip, learningRate, lossScale, tensors };
}

function rowsOf(spec: ParameterSpec, data: Float32Array): number[][] {
  const [rows, columns] = sizes(spec);
  return Array.from({ length: rows }, (_, row) => [...data.subarray(row * columns, (row + 1) * columns)]);
}

const flat = (rows: readonly number[][]) => values([rows.flat().length], rows.flat());
const plain = (data: Float32Array) => values([data.length], [...data]);
const found = (state: ReadonlyMap<string, Float32Array>, name: string) => entry(Object.fromEntries(state), name);

function expectReference(
  state: ReadonlyMap<string, Float32Array>,
  reference: readonly ReferenceParameter[],
  label: string,
): void {
  specs.forEach(({ name }, index) => {
    const { p, m, v } = entry(Object.fromEntries(reference.entries()), String(index));
    // Moments and parameters are rounded to float32 at each step.
    expectClose(plain(found(state, `p:${name}`)), flat(p), 1e-6, `${label}, p of ${name}`);
    expectClose(plain(found(state, `m:${name}`)), flat(m), 1e-6, `${label}, m of ${name}`);
    expectClose(plain(found(state, `v:${name}`)), flat(v), 1e-6, `${label}, v of ${name}`);
  });
}

/** The rate of `site.keys` is that of 7 × 3. */
const RATES = [0.3, 1, 2.5, 1];

const newReference = () =>
  specs.map((spec, index) =>
    newParameter(rowsOf(spec, draw("initial", spec)), spec.shape.length > 1 ? 0.1 : 0, RATES[index]),
  );

describe("the kernel", () => {
  it.each([0, 1])("equals AdamW in float64 over 10 steps, with a clip of %d", (clip) => {
    const [state, reference] = [newState(), newReference()];
    const clippings = [];
    for (let step = 1; step <= STEPS; step++) {
      const norm = adamwStep(arraysAt(step, state), kernelParameters(updateStep(step), { ...options, clip }));
      const gradients = specs.map((spec) => rowsOf(spec, gradientOf(spec, step)));
      const expected = referenceStep(
        reference,
        gradients,
        { ...options, clip, learningRate: LEARNING_RATE },
        isFrozen(step),
      );
      expect(norm).toBeCloseTo(expected, 10);
      expectReference(state, reference, `step ${step}`);
      clippings.push(norm > 1);
    }
    expect(new Set(clippings)).toEqual(new Set([true, false]));
  });

  it("leaves frozen rows and their moments bit for bit, and moves the others", () => {
    const state = newState();
    found(state, "m:site.keys").fill(0.25);
    found(state, "v:site.keys").fill(0.5);
    const before = new Map([...state].map(([name, data]) => [name, data.slice()]));
    adamwStep(arraysAt(1, state), kernelParameters(updateStep(1)));
    for (const kind of ["p", "m", "v"]) {
      const [old, now] = [found(before, `${kind}:site.keys`), found(state, `${kind}:site.keys`)];
      expect(now.subarray(0, 9)).toEqual(old.subarray(0, 9));
      now.subarray(9).forEach((value, i) => {
        expect(value).not.toBe(old[9 + i]);
      });
    }
  });

  it("updates parts of arrays longer than the kernel's own memory, and no more", () => {
    const spec: ParameterSpec = { name: "long", shape: [20_011], initial };
    const [p, g] = [draw("initial", spec), draw("gradient", spec)];
    const arrays = {
      "p:long": p.slice(),
      "g:long": g,
      "m:long": new Float32Array(20_011),
      "v:long": new Float32Array(20_011),
    };
    const corrections = { rate: 1, correction1: 1 / (1 - options.beta1), correction2: 1 / (1 - options.beta2) };
    const rows = [{ start: 3, end: 19_002, ...corrections }];
    const step = { ...options, clip: Number.POSITIVE_INFINITY, learningRate: LEARNING_RATE, lossScale: 1 };
    adamwStep(arrays, { ...step, tensors: [{ name: "long", decay: 0, rows }] });
    // At the first step the corrected moments are the gradient and its square.
    const moved = (x: number, y = 0) => x - (LEARNING_RATE * y) / (Math.abs(y) + options.epsilon);
    const expected = [...p].map((x, i) => (i < 3 || i >= 19_002 ? x : moved(x, g[i])));
    expectClose(plain(arrays["p:long"]), values([20_011], expected), 1e-6, "p");
    expectClose(plain(arrays["m:long"].subarray(19_002)), values([1009], Array(1009).fill(0)), 0, "m");
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY])("changes nothing for a gradient of %d", (bad) => {
    const state = newState();
    const before = new Map([...state].map(([name, data]) => [name, data.slice()]));
    const arrays = arraysAt(5, state);
    entry(arrays, "g:table")[3] = bad;
    expect(adamwStep(arrays, kernelParameters(updateStep(5)))).toBe(bad);
    expect(state).toEqual(before);
  });

  it("clips as torch: the limit is divided by the norm and 1e-6", () => {
    const state = newState();
    const arrays = { ...Object.fromEntries(state), ...gradientsAt(1) };
    for (const { name } of specs) entry(arrays, `g:${name}`).fill(0);
    entry(arrays, "g:scale")[0] = 1e-6;
    adamwStep(arrays, kernelParameters(updateStep(5), { ...options, clip: 1e-6 }));
    // 1e-6 · 1e-6 / (1e-6 + 1e-6) · (1 - β₁)
    expect(found(state, "m:scale")[0]).toBeCloseTo(0.5e-7, 12);
  });

  it("adds the gradients of replicas, and gives them the new weights", () => {
    const [alone, together] = [newState(), newState()];
    const total = specs.reduce((sum, spec) => sum + length(spec), 0);
    const shared = { gradients: [1, 2].map(() => new Float32Array(total)), weights: new Float32Array(total) };
    for (let step = 1; step <= STEPS; step++) {
      const whole = gradientsAt(step);
      const norm = adamwStep({ ...Object.fromEntries(alone), ...whole }, kernelParameters(updateStep(step)));
      // Of three halves, quarters and quarters, the first is this device's own.
      const flattened = specs.flatMap(({ name }) => [...entry(whole, `g:${name}`)]);
      for (const quarter of shared.gradients) quarter.set(flattened.map((value) => value / 4));
      const half = Object.fromEntries(Object.entries(whole).map(([name, g]) => [name, g.map((value) => value / 2)]));
      const parameters = { ...kernelParameters(updateStep(step)), shared };
      expect(adamwStep({ ...Object.fromEntries(together), ...half }, parameters)).toBe(norm);
      expect(together).toEqual(alone);
      expect([...shared.weights]).toEqual(specs.flatMap(({ name }) => [...found(alone, `p:${name}`)]));
    }
  });

  it("has the norm of arrays longer than its own memory, whose lengths are not multiples of four", () => {
    const g = draw("gradient", { name: "long", shape: [20_011], initial });
    const zeros = () => new Float32Array(20_011);
    const arrays = { "p:long": zeros(), "g:long": g, "m:long": zeros(), "v:long": zeros() };
    const step = { ...options, clip: Number.POSITIVE_INFINITY, learningRate: LEARNING_RATE, lossScale: 1 };
    const norm = adamwStep(arrays, { ...step, tensors: [{ name: "long", decay: 0, rows: [] }] });
    expect(norm).toBeCloseTo(Math.sqrt(g.reduce((sum, value) => sum + value ** 2, 0)), 9);
  });

  it.each([0, 1])("divides gradients of a scaled loss by the scale, with a clip of %d", (clip) => {
    const [state, other] = [newState(), newState()];
    for (let step = 1; step <= STEPS; step++) {
      const plainStep = kernelParameters(updateStep(step), { ...options, clip });
      const norm = adamwStep(arraysAt(step, state), plainStep);
      expect(adamwStep(scaled(arraysAt(step, other), 2 ** 16), { ...plainStep, lossScale: 2 ** 16 })).toBe(norm);
      expect(other).toEqual(state);
    }
  });

  it("adds up gradients", () => {
    const arrays = { "sum:a": Float32Array.of(1, 2), "g:a": Float32Array.of(0.5, -4), "sum:b": Float32Array.of(7) };
    accumulate({ ...arrays, "g:b": Float32Array.of(1) }, ["a", "b"]);
    expect(arrays).toMatchObject({ "sum:a": Float32Array.of(1.5, -2), "sum:b": Float32Array.of(8) });
  });

  /**
   * PyTorch 2.15.0, float32 on the CPU:
   *
   *     w = torch.nn.Parameter(torch.tensor([[0.5, -1.0, 2.0], [1.5, 0.25, -0.75]]))
   *     b = torch.nn.Parameter(torch.tensor([0.1, -0.2]))
   *     opt = torch.optim.AdamW([{"params": [w], "weight_decay": 0.1}, {"params": [b], "weight_decay": 0.0}],
   *                             lr=0.01, betas=(0.9, 0.95), eps=1e-8)
   *     for t in range(1, 11):
   *         w.grad = torch.tensor([[(t * k % 7) - 3.0 for k in r] for r in ((1, 2, 3), (4, 5, 6))]) * 0.25
   *         b.grad = torch.tensor([(t % 3) - 1.0, (t % 5) - 2.0])
   *         norm = torch.nn.utils.clip_grad_norm_([w, b], 1.0)
   *         opt.step()
   */
  it("equals PyTorch", () => {
    const arrays = {
      "p:w": Float32Array.of(0.5, -1, 2, 1.5, 0.25, -0.75),
      "p:b": Float32Array.of(0.1, -0.2),
      "m:w": new Float32Array(6),
      "m:b": new Float32Array(2),
      "v:w": new Float32Array(6),
      "v:b": new Float32Array(2),
    };
    let norm = 0;
    for (let t = 1; t <= 10; t++) {
      const gradients = {
        "g:w": Float32Array.from([1, 2, 3, 4, 5, 6], (k) => (((t * k) % 7) - 3) * 0.25),
        "g:b": Float32Array.of((t % 3) - 1, (t % 5) - 2),
      };
      const step = { learningRate: 0.01, step: t, updates: t - 1, lossScale: 1, generations: () => undefined };
      const tensors = [
        { name: "w", decay: 0.1, rows: rowUpdates({ name: "w" }, [2, 3], step, options) },
        { name: "b", decay: 0, rows: rowUpdates({ name: "b" }, [2], step, options) },
      ];
      norm = adamwStep({ ...arrays, ...gradients }, { ...options, learningRate: 0.01, lossScale: 1, tensors });
    }
    const torch: Record<keyof typeof arrays, number[]> = {
      "p:w": [0.530357301, -0.993395567, 1.957306504, 1.474636555, 0.223187596, -0.790696979],
      "p:b": [0.089358687, -0.186427861],
      "m:w": [-0.036600254, 0.028398976, 0.010514054, 0.002804905, -0.01508002, 0.04991921],
      "m:b": [-0.001507737, -0.007043581],
      "v:w": [0.024905786, 0.026906397, 0.025412725, 0.023748318, 0.024608394, 0.033793353],
      "v:b": [0.0669811, 0.174906567],
    };
    expect(norm).toBeCloseTo(2.2776083946228027, 6);
    for (const [name, expected] of Object.entries(torch)) {
      expectClose(plain(entry(arrays, name)), values([expected.length], expected), 1e-6, name);
    }
  });
});

describe("rows", () => {
  it("of a parameter without generations are one group", () => {
    const rows = rowUpdates({ name: "table", rate: 7 }, [5, 2], updateStep(3), options);
    const corrections = { correction1: 1 / (1 - 0.9 ** 3), correction2: 1 / (1 - 0.95 ** 3) };
    expect(rows).toEqual([{ start: 0, end: 10, rate: 7, ...corrections }]);
  });

  it("of generations have counts of their own, and the frozen are left out", () => {
    const at = (step: number) =>
      rowUpdates(
        { name: "site.keys" },
        [7, 3],
        { ...updateStep(step), generations: () => generations([0, step - 1]) },
        options,
      );
    expect(at(FROZEN_UNTIL)).toMatchObject([{ start: 9, end: 21 }]);
    const thawed = at(FROZEN_UNTIL + 1);
    expect(thawed).toMatchObject([
      { start: 0, end: 9 },
      { start: 9, end: 21 },
    ]);
    expect(thawed[0]?.correction1).toBeCloseTo(1 / (1 - 0.9), 12);
    expect(thawed[1]?.correction1).toBeCloseTo(1 / (1 - 0.9 ** 5), 12);
  });
});

describe("rates of new tokens", () => {
  it("rise from zero over their warm-up, counted from their birth", () => {
    const born: Generation = { tokens: 2, born: 6, init: "zero-key", updates: 0, frozenUntil: 0, warmup: 3 };
    const old: Generation = { tokens: 1, born: 0, init: "initial", updates: 6, frozenUntil: 0 };
    const ratesAt = (step: number) =>
      rowUpdates(
        { name: "site.keys", rate: ([rows = 0]) => rows / 2 },
        [3, 5],
        { ...updateStep(step), generations: () => [old, born] },
        options,
      ).map(({ rate }) => rate);
    expect([7, 8, 9, 10, 11].map(ratesAt)).toEqual([1, 2, 3, 4, 4].map((quarters) => [1.5, (1.5 * quarters) / 4]));
  });

  it("begin at a multiple of that of the others and fall to it in a straight line", () => {
    const boost = { rate: 4, steps: 5 };
    const born: Generation = { tokens: 2, born: 6, init: "zero-key", updates: 0, frozenUntil: 0, warmup: 1, boost };
    const rateAt = (step: number) =>
      rowUpdates({ name: "site.keys" }, [2, 5], { ...updateStep(step), generations: () => [born] }, options)[0]?.rate;
    // Half of it in the one update of their warm-up; 4, 3.5, 3, 2.5, 2, 1.5, 1 at an age of 0, 1, …, 6.
    expect([7, 8, 9, 10, 11, 12, 50].map(rateAt)).toEqual([3.5 / 2, 3, 2.5, 2, 1.5, 1, 1]);
  });
});

describe("the graph", () => {
  const host = (shape: readonly number[], data: Float32Array): HostTensor => ({ dtype: "float32", shape, data });

  /** The corrections of a parameter's rows, by hand, the first times the rate: 0 in frozen rows. */
  function corrections(spec: ParameterSpec, step: UpdateStep): Record<string, HostTensor> {
    const [rows, columns] = sizes(spec);
    const shape = spec.shape.map((_, axis) => (axis === 0 ? rows : 1));
    const [one, two] = [new Float32Array(rows), new Float32Array(rows)];
    for (const update of rowUpdates(spec, spec.shape.map(Number), step, options)) {
      one.fill(update.rate * update.correction1, update.start / columns, update.end / columns);
      two.fill(update.correction2, update.start / columns, update.end / columns);
    }
    return { [`correction1:${spec.name}`]: host(shape, one), [`correction2:${spec.name}`]: host(shape, two) };
  }

  function inputsOf(step: number, state: ReadonlyMap<string, Float32Array>, lossScale = 1): Record<string, HostTensor> {
    const inputs: Record<string, HostTensor> = {
      learningRate: host([], Float32Array.of(LEARNING_RATE)),
      unscale: host([], Float32Array.of(1 / lossScale)),
    };
    const arrays = scaled(arraysAt(step, state), lossScale);
    for (const spec of specs) {
      Object.assign(inputs, corrections(spec, updateStep(step)));
      for (const prefix of ["p:", "g:", "m:", "v:"].map((kind) => kind + spec.name)) {
        inputs[prefix] = host(spec.shape.map(Number), entry(arrays, prefix));
      }
    }
    return inputs;
  }

  it.each([
    [0, 1],
    [1, 1],
    [1, 2 ** 16],
  ])("equals the kernel over 10 steps, with a clip of %d and a loss times %d", async (clip, lossScale) => {
    const graph = updateGraph(specs, { ...options, clip });
    const program = await device().compile(graph, { download: [...graph.outputs.keys()] });
    const state = newState();
    const frozen = found(state, "p:site.keys").slice(0, 9);
    let held = newState();
    for (let step = 1; step <= STEPS; step++) {
      const { values: outputs } = await program.run(inputsOf(step, held, lossScale));
      const norm = adamwStep(arraysAt(step, state), kernelParameters(updateStep(step), { ...options, clip }));
      expect(fromHost(entry(outputs, "norm")).data[0]).toBeCloseTo(norm, 5);
      const replaced = (name: string) => Float32Array.from(fromHost(entry(outputs, `new ${name}`)).data);
      held = new Map([...state.keys()].map((name) => [name, replaced(name)]));
      for (const [name, data] of state) {
        expectClose(plain(found(held, name)), plain(data), 2e-6, `step ${step}, ${name}`);
      }
      if (step <= FROZEN_UNTIL) expect(found(held, "p:site.keys").slice(0, 9)).toEqual(frozen);
    }
  });
});

it("an optimiser's state that is not known is corrected as one that begins", async () => {
  const untrained = modelState(tinyTokenFormer);
  const updated = { ...untrained, updates: 30, lineage: new Map([...untrained.lineage].map(withUpdates)) };
  const trainer = await Trainer.create(device(), modelOf(untrained.config), updated, {
    ...options,
    beta2: 0.999,
    clip: 0,
    weightDecay: 0,
    given: givenOf(untrained.config),
  });
  await trainer.update([drawnBatch("first", [5, 4], 13)], 0.01, 1);
  const { parameters, updates } = await trainer.download();
  // Adam's first step is one learning rate long; corrected by 31 updates, it would be 0.58 of that, or 3.2 times it by 1,000.
  const [before, after] = [untrained.parameters, parameters].map((all) => all.get("finalNorm.scale")?.data);
  after?.forEach((value, index) => {
    expect(Math.abs(value - (before?.[index] ?? 0))).toBeCloseTo(0.01, 4);
  });
  expect(updates).toBe(1);
  await trainer.close();
});

function withUpdates([path, generations]: readonly [string, readonly Generation[]]) {
  return [path, generations.map((generation) => ({ ...generation, updates: 30 }))] as const;
}
