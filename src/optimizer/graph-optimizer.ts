/** AdamW as a program whose outputs replace its inputs: for devices that keep the state themselves. */

import { allOrNothing, freeAll, freeQuietly } from "../freeing.ts";
import { hasChannelColumns } from "../growth/index.ts";
import { scalar, type Tensors } from "../inference/index.ts";
import type { ParameterSpec } from "../nn/index.ts";
import { required } from "../required.ts";
import type { Device, DeviceTensor, HostTensor, Program } from "../runtime/portable.ts";
import {
  add,
  constant,
  div,
  graph,
  greaterOrEqual,
  input,
  mul,
  sqrt,
  sub,
  sum,
  type Tensor,
  where,
} from "../tensor/index.ts";
import {
  type AdamWOptions,
  type Computed,
  learned,
  type Optimizer,
  type OptimizerState,
  prefixed,
  type Tried,
  tensorsOf,
  type Updated,
  type UpdateStep,
  WholeOptimizer,
} from "./adamw.ts";
import { PREFIXES } from "./adamw-parameters.ts";
import { correctionsOf, decays, layoutOf, rowUpdates } from "./row-updates.ts";

export class GraphOptimizer extends WholeOptimizer implements Optimizer {
  readonly #update: Program;
  readonly #accumulate: Program;

  private constructor(
    device: Device,
    programs: { readonly update: Program; readonly accumulate: Program },
    specs: readonly ParameterSpec[],
    options: AdamWOptions,
  ) {
    super(device, specs, options);
    this.#update = programs.update;
    this.#accumulate = programs.accumulate;
  }

  static async create(device: Device, specs: readonly ParameterSpec[], options: AdamWOptions): Promise<GraphOptimizer> {
    return allOrNothing(async (onFailure) => {
      const update = await device.compile(updateGraph(specs, options), { download: ["norm"] });
      onFailure(() => update.release());
      const accumulate = await device.compile(accumulateGraph(specs));
      return new GraphOptimizer(device, { update, accumulate }, specs, options);
    });
  }

  async accumulate(total: Tensors, gradients: Tensors): Promise<Tensors> {
    const inputs = { ...prefixed("sum:", total), ...prefixed(PREFIXES.gradient, gradients) };
    const spent = [...gradients.values()];
    try {
      const { tensors } = await this.#accumulate.run(inputs);
      spent.push(...total.values());
      return new Map(Object.entries(tensors));
    } finally {
      await freeQuietly(() => this.device.dispose(spent));
    }
  }

  update(state: OptimizerState, computed: Computed, step: UpdateStep): Promise<Updated> {
    return this.#updated(state, computed, step, { ...state, parameters: learned(this.specs, state.parameters) });
  }

  updateBeside(state: OptimizerState, tried: Tried, step: UpdateStep): Promise<Updated> {
    return this.#updated(state, tried, step);
  }

  /** @param old is freed once there is what takes its place. Default: nothing */
  async #updated(
    state: OptimizerState,
    { loss, gradients }: Tried,
    step: UpdateStep,
    old?: OptimizerState,
  ): Promise<Updated> {
    const spent = [...gradients.values()];
    try {
      const { norm, next } = await this.#next(state, gradients, step);
      const finite = Number.isFinite(norm);
      const useless = finite ? old : next;
      if (useless !== undefined) spent.push(...tensorsOf(useless));
      if (!finite) return { loss, norm, state };
      return { loss, norm, state: { ...next, parameters: new Map([...state.parameters, ...next.parameters]) } };
    } finally {
      await freeQuietly(() => this.device.dispose(spent));
    }
  }

  /** What learns after an update, beside the state before. */
  async #next(state: OptimizerState, gradients: Tensors, step: UpdateStep) {
    const inputs: Record<string, DeviceTensor | HostTensor> = {
      ...prefixed(PREFIXES.parameter, learned(this.specs, state.parameters)),
      ...prefixed(PREFIXES.gradient, gradients),
      ...prefixed(PREFIXES.first, state.first),
      ...prefixed(PREFIXES.second, state.second),
      learningRate: scalar(step.learningRate),
      unscale: scalar(1 / step.lossScale),
    };
    for (const spec of this.specs) {
      Object.assign(inputs, correctionInputs(spec, required(state.parameters, spec.name).shape, step, this.options));
    }
    const { tensors, values } = await this.#update.run(inputs);
    const outputs = new Map(Object.entries(tensors));
    const collect = (prefix: string) =>
      new Map(this.specs.map(({ name }) => [name, required(outputs, `new ${prefix}${name}`)]));
    const next = {
      parameters: collect(PREFIXES.parameter),
      first: collect(PREFIXES.first),
      second: collect(PREFIXES.second),
    };
    return { norm: Number(values["norm"]?.data[0]), next };
  }

  kernel(): undefined {}

  together(): undefined {}

  async release(): Promise<void> {
    await freeAll(
      () => this.#update.release(),
      () => this.#accumulate.release(),
    );
  }
}

/**
 * Corrections of a parameter's rows [rows, 1, …], the first times its rate, zero where the rows are not updated. Where columns are channels, theirs
 * beside them [1, columns], and the rates of the rows by themselves: whichever correction holds, the row learns at its own.
 */
function correctionInputs(spec: ParameterSpec, shape: readonly number[], step: UpdateStep, options: AdamWOptions) {
  const { name } = spec;
  const { rows, columns } = layoutOf(spec, shape);
  const [row1, row2, rates] = [new Float32Array(rows), new Float32Array(rows), new Float32Array(rows)];
  const ofChannels = hasChannelColumns(name);
  for (const group of rowUpdates(spec, shape, { ...step, columns: () => undefined }, options)) {
    const [start, end] = [group.start / columns, group.end / columns];
    row1.fill(ofChannels ? group.correction1 : group.rate * group.correction1, start, end);
    row2.fill(group.correction2, start, end);
    rates.fill(group.rate, start, end);
  }
  const named = (kind: string, size: readonly number[], data: Float32Array) => ({
    [`${kind}:${name}`]: { dtype: "float32" as const, shape: size, data },
  });
  const inputs = { ...named("correction1", ofRows(shape), row1), ...named("correction2", ofRows(shape), row2) };
  if (!ofChannels) return inputs;
  // Zero is below all corrections: that of the row holds.
  const [column1, column2] = [new Float32Array(columns), new Float32Array(columns)];
  let start = 0;
  for (const { tokens, updates } of step.columns?.(name) ?? []) {
    const { correction1, correction2 } = correctionsOf(updates, options);
    column1.fill(correction1, start, start + tokens);
    column2.fill(correction2, start, start + tokens);
    start += tokens;
  }
  const ofColumns = { ...named("column1", [1, columns], column1), ...named("column2", [1, columns], column2) };
  return { ...inputs, ...ofColumns, ...named("rate", ofRows(shape), rates) };
}

export function updateGraph(specs: readonly ParameterSpec[], options: AdamWOptions) {
  const gradients = new Map(specs.map(({ name, shape }) => [name, input(PREFIXES.gradient + name, shape)]));
  const active = new Map(specs.map((spec) => [spec.name, activeRows(spec)]));
  const squares = specs.map(({ name }) => squaresOf(required(gradients, name), required(active, name)));
  const unscale = input("unscale", []);
  const norm = mul(sqrt(squares.reduce((total, square) => add(total, square))), unscale);
  const limit = div(options.clip, add(norm, 1e-6));
  const scale = mul(unscale, options.clip === 0 ? 1 : where(greaterOrEqual(limit, 1), 1, limit));
  const learningRate = input("learningRate", []);
  const outputs: Record<string, Tensor> = { norm };
  for (const spec of specs) {
    const gradient = mul(required(gradients, spec.name), scale);
    const { p, m, v } = updated(spec, gradient, required(active, spec.name), learningRate, options);
    outputs[`new ${PREFIXES.parameter}${spec.name}`] = p;
    outputs[`new ${PREFIXES.first}${spec.name}`] = m;
    outputs[`new ${PREFIXES.second}${spec.name}`] = v;
  }
  return graph("update", outputs);
}

/** The second corrections of a parameter's rows [rows, 1, …], and which rows are updated: those whose correction is 1 at least. */
interface ActiveRows {
  readonly correction2: Tensor;
  readonly active: Tensor;
}

function activeRows({ name, shape }: ParameterSpec): ActiveRows {
  const correction2 = input(`correction2:${name}`, ofRows(shape));
  return { correction2, active: greaterOrEqual(correction2, 0.5) };
}

/** Σ g² over the rows that are updated: others do not clip them. */
function squaresOf(g: Tensor, { active }: ActiveRows): Tensor {
  const [, ...rest] = g.shape.keys();
  return sum(where(active, sum(mul(g, g), rest, { keep: true }), 0), [...g.shape.keys()]);
}

function ofRows<Size>(shape: readonly Size[]): (Size | 1)[] {
  return shape.map((size, axis) => (axis === 0 ? size : 1));
}

/** m ← β₁ m + (1 - β₁) g, v ← β₂ v + (1 - β₂) g², p ← (1 - η λ) p - η r m̂ / (√v̂ + ε), in the rows that are updated; r is the parameter's rate. */
function updated(
  spec: ParameterSpec,
  g: Tensor,
  { correction2: row2, active }: ActiveRows,
  learningRate: Tensor,
  { beta1, beta2, epsilon, weightDecay }: AdamWOptions,
) {
  const { name, shape } = spec;
  const rows = ofRows(shape);
  const [p, m, v] = [PREFIXES.parameter, PREFIXES.first, PREFIXES.second].map((prefix) => input(prefix + name, shape));
  if (p === undefined || m === undefined || v === undefined) throw new Error("internal: three inputs");
  const row1 = input(`correction1:${name}`, rows);
  const [correction1, correction2] = [orOfColumn(row1, "column1", spec), orOfColumn(row2, "column2", spec)];
  const first = add(mul(m, beta1), mul(g, 1 - beta1));
  const second = add(mul(v, beta2), mul(mul(g, g), 1 - beta2));
  const corrected = div(mul(first, correction1), add(sqrt(mul(second, correction2)), epsilon));
  const change = hasChannelColumns(name) ? mul(corrected, input(`rate:${name}`, rows)) : corrected;
  const decay = decays(spec) ? mul(p, weightDecay) : constant(0);
  return {
    p: where(active, sub(p, mul(add(change, decay), learningRate)), p),
    m: where(active, first, m),
    v: where(active, second, v),
  };
}

/** Where columns are channels, the larger of the corrections of row and column: that of the younger. */
function orOfColumn(ofRow: Tensor, kind: string, { name, shape }: ParameterSpec): Tensor {
  if (!hasChannelColumns(name)) return ofRow;
  const ofColumn = input(`${kind}:${name}`, [1, shape[1] ?? 1]);
  return where(greaterOrEqual(ofRow, ofColumn), ofRow, ofColumn);
}

function accumulateGraph(specs: readonly ParameterSpec[]) {
  const sums = specs.map(({ name, shape }) => {
    return [name, add(input(`sum:${name}`, shape), input(PREFIXES.gradient + name, shape))] as const;
  });
  return graph("accumulate", Object.fromEntries(sums));
}
