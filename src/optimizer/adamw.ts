/**
 * AdamW (arXiv 1711.05101) with decoupled weight decay on matrices and gradient clipping by the global norm.
 *
 * Two forms of one update: a kernel over arrays on the CPU, which changes them in place, and a graph for devices that keep
 * the state themselves. A row of a parameter has its own count of updates, so that parameter tokens that were appended later
 * get Adam's bias correction from their own first step on, and frozen rows stay untouched.
 */

import { elementCount } from "../element-count.ts";
import { allOrNothing, freeAll, freeQuietly } from "../freeing.ts";
import { type Generation, hasChannelColumns, type Moments, type TrainerState } from "../growth/index.ts";
import { downloadArrays, scalar, type Tensors, uploadArrays } from "../inference/index.ts";
import type { ParameterSpec } from "../nn/index.ts";
import { required } from "../required.ts";
import type { Device, DeviceTensor, HostTensor, Kernel, OutputKernel, Program } from "../runtime/portable.ts";
import {
  add,
  constant,
  div,
  graph,
  greaterOrEqual,
  input,
  mul,
  type Shape,
  sqrt,
  sub,
  sum,
  type Tensor,
  where,
} from "../tensor/index.ts";
import { type AdamWParameters, PREFIXES, type RowUpdate } from "./adamw-parameters.ts";
import type { OuterState } from "./local-optimizer.ts";
import type { SharedArrays } from "./replicas.ts";

export interface AdamWOptions {
  /** β₁, β₂: how slowly the moments forget. */
  readonly beta1: number;
  readonly beta2: number;
  /** ε, added to the root of the second moment. */
  readonly epsilon: number;
  /**
   * λ: each update first multiplies matrices by 1 - learning rate · λ. That is the learning rate without a parameter's own factor,
   * so that all parameters forget over the same number of updates, whatever their rates.
   */
  readonly weightDecay: number;
  /** The largest global norm of the gradients; 0: no limit. */
  readonly clip: number;
}

/** What one update needs to know beside the tensors. */
export interface UpdateStep {
  readonly learningRate: number;
  /** The update's number, from 1. */
  readonly step: number;
  /** Updates made before, for parameters without generations. */
  readonly updates: number;
  /** The gradients are those of the loss times this: see `LossScale`. */
  readonly lossScale: number;
  /** The generations of a parameter's rows, if it has any. */
  readonly generations: (name: string) => readonly Generation[] | undefined;
  /** The generations of a matrix's columns, if it has any: a number is as old as the younger of its row and its column. */
  readonly columns?: (name: string) => readonly Generation[] | undefined;
}

/** Updates parameters and moments on a device. */
export interface Optimizer {
  /** Adds gradients, which it takes over, to `total`, which stays the caller's if that fails. Returns the new total. */
  accumulate(total: Tensors, gradients: Tensors): Promise<Tensors>;
  /** Puts a state on the device; where no moments are given, they are zero. */
  upload(state: HostState): Promise<OptimizerState>;
  /**
   * Copies the moments to the host.
   * @param wanted whether they are; otherwise they are empty, and this rank only gives others what is its own
   */
  moments(state: OptimizerState, wanted: boolean): Promise<Moments>;
  /**
   * One update. Takes the gradients over; returns the global norm of the gradients before clipping. If that is not finite,
   * nothing is updated.
   */
  update(state: OptimizerState, computed: Computed, step: UpdateStep): Promise<Updated>;
  /**
   * The update of a state in place, right after the program that gives the gradients; its answer is the norm. `undefined`
   * where the device has no kernels.
   * @param outputOf the program's output with the gradient of a parameter
   */
  kernel(state: OptimizerState, step: UpdateStep, outputOf: (parameter: string) => string): OutputKernel | undefined;
  /** Frees its programs. */
  release(): Promise<void>;
}

/** What a device computes of its part of a batch. */
export interface Computed {
  readonly loss: number;
  readonly gradients: Tensors;
  /** Gradients of replicas, which are added, and where the new weights go for them; only where there are kernels. */
  readonly shared?: SharedArrays | undefined;
}

export interface Updated {
  /** Of the gradients of all ranks together. */
  readonly norm: number;
  /** The sum over all ranks. */
  readonly loss: number;
  readonly state: OptimizerState;
}

/** A state on the host, by the names of the parameters. */
export type HostState = Pick<TrainerState, "parameters" | "moments">;

/** Of an optimiser that is divided among ranks, the moments are those that are this rank's. */
export interface OptimizerState {
  readonly parameters: Tensors;
  readonly first: Tensors;
  readonly second: Tensors;
  /** Where ranks make updates by themselves. */
  readonly outer?: OuterState | undefined;
}

/** Those of some tensors that learn: the parameters of which there are specs. */
export function learned(specs: readonly ParameterSpec[], tensors: Tensors): Tensors {
  if (specs.length === tensors.size) return tensors;
  return new Map(specs.map(({ name }) => [name, required(tensors, name)]));
}

export const tensorsOf = ({ parameters, first, second }: OptimizerState): DeviceTensor[] => [
  ...parameters.values(),
  ...first.values(),
  ...second.values(),
];

/** The largest global norm of the gradients. */
export const limitOf = ({ clip }: AdamWOptions) => (clip === 0 ? Number.POSITIVE_INFINITY : clip);

/** Weight decay is for matrices: parameter tokens, weights and embeddings, not scales and biases. */
const decays = ({ shape }: ParameterSpec) => shape.length >= 2;

/** An optimiser whose state is on one device, all of it. */
abstract class WholeOptimizer {
  protected readonly device: Device;
  protected readonly specs: readonly ParameterSpec[];
  protected readonly options: AdamWOptions;

  constructor(device: Device, specs: readonly ParameterSpec[], options: AdamWOptions) {
    this.device = device;
    this.specs = specs;
    this.options = options;
  }

  upload({ parameters, moments }: HostState): Promise<OptimizerState> {
    const zeros = () =>
      new Map(
        this.specs.map(({ name }) => {
          const { shape, data } = required(parameters, name);
          return [name, { shape, data: new Float32Array(data.length) }] as const;
        }),
      );
    return allOrNothing(async (onFailure) => {
      const upload = async (arrays: HostState["parameters"]) => {
        const uploaded = await uploadArrays(this.device, arrays);
        onFailure(() => this.device.dispose(uploaded.values()));
        return uploaded;
      };
      return {
        parameters: await upload(parameters),
        first: await upload(moments?.first ?? zeros()),
        second: await upload(moments?.second ?? zeros()),
      };
    });
  }

  async moments({ first, second }: OptimizerState): Promise<Moments> {
    return { first: await downloadArrays(this.device, first), second: await downloadArrays(this.device, second) };
  }
}

/** The update in place, by kernels: for the CPU. */
export class KernelOptimizer extends WholeOptimizer implements Optimizer {
  async accumulate(total: Tensors, gradients: Tensors): Promise<Tensors> {
    const tensors = { ...prefixed("sum:", total), ...prefixed(PREFIXES.gradient, gradients) };
    try {
      await this.device.kernel({ kernel: "accumulate", tensors, parameters: [...total.keys()] });
      return total;
    } finally {
      await freeQuietly(() => this.device.dispose(gradients.values()));
    }
  }

  async update(state: OptimizerState, { loss, gradients, shared }: Computed, step: UpdateStep): Promise<Updated> {
    const { tensors, ...kernel } = this.#stepKernel(state, step, shared);
    const all = { ...tensors, ...prefixed(PREFIXES.gradient, gradients) };
    try {
      return { loss, norm: normOf(await this.device.kernel({ ...kernel, tensors: all })), state };
    } finally {
      await freeQuietly(() => this.device.dispose(gradients.values()));
    }
  }

  kernel(state: OptimizerState, step: UpdateStep, outputOf: (parameter: string) => string): OutputKernel {
    const outputs = this.specs.map(({ name }) => [PREFIXES.gradient + name, outputOf(name)] as const);
    return { ...this.#stepKernel(state, step), outputs: Object.fromEntries(outputs) };
  }

  /** The kernel without the gradients. */
  #stepKernel({ parameters, first, second }: OptimizerState, step: UpdateStep, shared?: SharedArrays): Kernel {
    const { beta1, beta2, epsilon } = this.options;
    const given: AdamWParameters = {
      beta1,
      beta2,
      epsilon,
      shared,
      clip: limitOf(this.options),
      learningRate: step.learningRate,
      lossScale: step.lossScale,
      tensors: tensorUpdates(this.specs, parameters, step, this.options),
    };
    const tensors = {
      ...prefixed(PREFIXES.parameter, learned(this.specs, parameters)),
      ...prefixed(PREFIXES.first, first),
      ...prefixed(PREFIXES.second, second),
    };
    return { kernel: "adamwStep", tensors, parameters: given };
  }

  async release(): Promise<void> {}
}

/** How each parameter is updated. */
export function tensorUpdates(
  specs: readonly ParameterSpec[],
  parameters: Tensors,
  step: UpdateStep,
  options: AdamWOptions,
): AdamWParameters["tensors"] {
  return layoutsOf(specs, parameters).map(({ name, decays: decaying, ...rows }) => ({
    name,
    decay: decaying ? options.weightDecay : 0,
    rows: updatesOfRows(name, rows, step, options),
  }));
}

/** The rows of a parameter, as updates see them. */
interface RowLayout {
  readonly rows: number;
  readonly columns: number;
  /** What its learning rate is multiplied by. */
  readonly rate: number;
}

/** The layouts of parameters; they change with growth alone, which makes other tensors. */
const layouts = new WeakMap<Tensors, readonly (RowLayout & { readonly name: string; readonly decays: boolean })[]>();

function layoutsOf(specs: readonly ParameterSpec[], parameters: Tensors) {
  const known = layouts.get(parameters);
  if (known !== undefined) return known;
  const made = specs.map((spec) => ({
    name: spec.name,
    decays: decays(spec),
    ...layoutOf(spec, required(parameters, spec.name).shape),
  }));
  layouts.set(parameters, made);
  return made;
}

function layoutOf({ rate = 1 }: Pick<ParameterSpec, "rate">, shape: readonly number[]): RowLayout {
  const [rows = 1, ...rest] = shape;
  return { rows, columns: elementCount(rest), rate: typeof rate === "number" ? rate : rate(shape) };
}

/** The kernel's answer. */
export function normOf(answer: unknown): number {
  if (typeof answer !== "number") throw new Error("internal: the AdamW kernel gave no norm");
  return answer;
}

/** The ranges of a parameter that are updated, each with its own bias correction. */
export function rowUpdates(
  spec: Pick<ParameterSpec, "name" | "rate">,
  shape: readonly number[],
  step: UpdateStep,
  options: AdamWOptions,
): RowUpdate[] {
  return updatesOfRows(spec.name, layoutOf(spec, shape), step, options);
}

function updatesOfRows(
  name: string,
  { rows, columns, rate }: RowLayout,
  { step, updates, generations, columns: columnsOf }: UpdateStep,
  options: AdamWOptions,
): RowUpdate[] {
  const groups: readonly Omit<Generation, "init">[] = generations(name) ?? [
    { tokens: rows, updates, born: 0, frozenUntil: 0 },
  ];
  const tokens = groups.reduce((sum, group) => sum + group.tokens, 0);
  if (tokens !== rows)
    throw new Error(`the lineage has ${tokens} tokens for ${rows} rows; each row needs a generation`);
  const columnGroups = columnsOf?.(name);
  let start = 0;
  return groups.flatMap((group) => {
    const from = start;
    start += group.tokens * columns;
    if (step <= group.frozenUntil) return [];
    const risen = rate * ownRate(group, step);
    const parts = partsOfRow(group.updates, columnGroups ?? [{ tokens: columns, updates: group.updates }], options);
    const [first] = parts;
    if (parts.length === 1 && first !== undefined) return [{ ...first, start: from, end: start, rate: risen }];
    return Array.from({ length: group.tokens }, (_, row) => from + row * columns).flatMap((offset) =>
      parts.map((part) => ({ ...part, start: offset + part.start, end: offset + part.end, rate: risen })),
    );
  });
}

/** What the learning rate of tokens is multiplied by at a step for their age: their own warm-up, and their boost, which ends. */
function ownRate({ born, warmup = 0, boost }: Omit<Generation, "init">, step: number): number {
  const age = step - born;
  const risen = warmup === 0 ? 1 : Math.min(1, age / (warmup + 1));
  return boost === undefined || age > boost.steps
    ? risen
    : risen * (boost.rate + (1 - boost.rate) * (age / (boost.steps + 1)));
}

/** Parts of a row whose numbers have counted the same updates, or so many that it makes no difference in float32. */
function partsOfRow(
  updates: number,
  columns: readonly Pick<Generation, "tokens" | "updates">[],
  options: AdamWOptions,
): Omit<RowUpdate, "rate">[] {
  const parts: Omit<RowUpdate, "rate">[] = [];
  let end = 0;
  for (const group of columns) {
    const start = end;
    end += group.tokens;
    const corrections = correctionsOf(Math.min(updates, group.updates), options);
    const last = parts.at(-1);
    if (last !== undefined && sameInFloat32(last, corrections)) parts[parts.length - 1] = { ...last, end };
    else parts.push({ start, end, ...corrections });
  }
  return parts;
}

type Corrections = Pick<RowUpdate, "correction1" | "correction2">;

/** Adam's bias corrections after so many updates and the one that is made. */
function correctionsOf(updates: number, { beta1, beta2 }: AdamWOptions): Corrections {
  return { correction1: 1 / (1 - beta1 ** (updates + 1)), correction2: 1 / (1 - beta2 ** (updates + 1)) };
}

const sameInFloat32 = (a: Corrections, b: Corrections) =>
  Math.fround(a.correction1) === Math.fround(b.correction1) &&
  Math.fround(a.correction2) === Math.fround(b.correction2);

/** The same update as a program whose outputs replace its inputs. */
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

  async update(state: OptimizerState, { loss, gradients }: Computed, step: UpdateStep): Promise<Updated> {
    const spent = [...gradients.values()];
    try {
      const { norm, next } = await this.#next(state, gradients, step);
      const finite = Number.isFinite(norm);
      const old = { ...state, parameters: learned(this.specs, state.parameters) };
      spent.push(...tensorsOf(finite ? old : next));
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

  async release(): Promise<void> {
    await freeAll(
      () => this.#update.release(),
      () => this.#accumulate.release(),
    );
  }
}

/**
 * Corrections of a parameter's rows [rows, 1, …], the first times its rate, zero where the rows are not updated; and of columns that
 * are channels [1, columns].
 */
function correctionInputs(spec: ParameterSpec, shape: readonly number[], step: UpdateStep, options: AdamWOptions) {
  const { name } = spec;
  const { rows, columns, rate } = layoutOf(spec, shape);
  const [row1, row2] = [new Float32Array(rows), new Float32Array(rows)];
  for (const group of rowUpdates(spec, shape, { ...step, columns: () => undefined }, options)) {
    row1.fill(group.rate * group.correction1, group.start / columns, group.end / columns);
    row2.fill(group.correction2, group.start / columns, group.end / columns);
  }
  const named = (kind: string, size: readonly number[], data: Float32Array) => ({
    [`${kind}:${name}`]: { dtype: "float32" as const, shape: size, data },
  });
  const ofRows = shape.map((size, axis) => (axis === 0 ? size : 1));
  const inputs = { ...named("correction1", ofRows, row1), ...named("correction2", ofRows, row2) };
  if (!hasChannelColumns(name)) return inputs;
  // Zero is below all corrections: that of the row holds.
  const [column1, column2] = [new Float32Array(columns), new Float32Array(columns)];
  let start = 0;
  for (const { tokens, updates } of step.columns?.(name) ?? []) {
    const { correction1, correction2 } = correctionsOf(updates, options);
    column1.fill(rate * correction1, start, start + tokens);
    column2.fill(correction2, start, start + tokens);
    start += tokens;
  }
  return { ...inputs, ...named("column1", [1, columns], column1), ...named("column2", [1, columns], column2) };
}

export function updateGraph(specs: readonly ParameterSpec[], options: AdamWOptions) {
  const gradients = new Map(specs.map(({ name, shape }) => [name, input(PREFIXES.gradient + name, shape)]));
  const squares = [...gradients.values()].map((g) =>
    sum(
      mul(g, g),
      g.shape.map((_, axis) => axis),
    ),
  );
  const unscale = input("unscale", []);
  const norm = mul(sqrt(squares.reduce((total, square) => add(total, square))), unscale);
  const limit = div(options.clip, add(norm, 1e-6));
  const scale = mul(unscale, options.clip === 0 ? 1 : where(greaterOrEqual(limit, 1), 1, limit));
  const learningRate = input("learningRate", []);
  const outputs: Record<string, Tensor> = { norm };
  for (const spec of specs) {
    const gradient = mul(required(gradients, spec.name), scale);
    const { p, m, v } = updated(spec, gradient, learningRate, options);
    outputs[`new ${PREFIXES.parameter}${spec.name}`] = p;
    outputs[`new ${PREFIXES.first}${spec.name}`] = m;
    outputs[`new ${PREFIXES.second}${spec.name}`] = v;
  }
  return graph("update", outputs);
}

/** m ← β₁ m + (1 - β₁) g, v ← β₂ v + (1 - β₂) g², p ← (1 - η λ) p - η r m̂ / (√v̂ + ε), in the rows that are updated; r is the parameter's rate. */
function updated(
  spec: ParameterSpec,
  g: Tensor,
  learningRate: Tensor,
  { beta1, beta2, epsilon, weightDecay }: AdamWOptions,
) {
  const { name, shape } = spec;
  const rows: Shape = shape.map((size, axis) => (axis === 0 ? size : 1));
  const [p, m, v] = [PREFIXES.parameter, PREFIXES.first, PREFIXES.second].map((prefix) => input(prefix + name, shape));
  if (p === undefined || m === undefined || v === undefined) throw new Error("internal: three inputs");
  const [row1, row2] = [input(`correction1:${name}`, rows), input(`correction2:${name}`, rows)];
  const active = greaterOrEqual(row2, 0.5);
  const [correction1, correction2] = [orOfColumn(row1, "column1", spec), orOfColumn(row2, "column2", spec)];
  const first = add(mul(m, beta1), mul(g, 1 - beta1));
  const second = add(mul(v, beta2), mul(mul(g, g), 1 - beta2));
  const change = div(mul(first, correction1), add(sqrt(mul(second, correction2)), epsilon));
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

export function prefixed(prefix: string, tensors: Tensors): Record<string, DeviceTensor> {
  return Object.fromEntries([...tensors].map(([name, tensor]) => [prefix + name, tensor]));
}
