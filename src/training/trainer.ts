/** A model on a device: makes updates, evaluates, computes logits. Knows nothing of text, files or schedules. */

import type { Generation, HostArray, TrainerState } from "../growth/index.ts";
import { traceModel } from "../model/index.ts";
import { DROPOUT_SEED, type Model, type ParameterSpec } from "../nn/index.ts";
import { Random } from "../random.ts";
import { required } from "../required.ts";
import type { Device, DeviceTensor, HostTensor, Program } from "../runtime/index.ts";
import {
  concreteShape,
  crossEntropy,
  elements,
  gradients,
  graph,
  input,
  mul,
  reshape,
  rowsOf,
  sum,
} from "../tensor/index.ts";
import { type AdamWOptions, createOptimizer, type Optimizer, type OptimizerState, type Tensors } from "./adamw.ts";

/** Windows of tokens and what follows each: both int32 [sequences, context], row by row. */
export interface TokenBatch {
  readonly tokens: Int32Array;
  readonly targets: Int32Array;
  readonly sequences: number;
  readonly context: number;
}

export interface StepResult {
  /** Mean cross-entropy of the batch, in nats per token. */
  readonly loss: number;
  /** The global norm of the gradients, before clipping. */
  readonly gradientNorm: number;
}

interface Programs {
  readonly gradients: Program;
  readonly loss: Program;
  readonly logits: Program;
  readonly optimizer: Optimizer;
}

export interface TrainerOptions extends AdamWOptions {
  /** Values that the model is given at each run, such as each site's τ. Default: none. */
  readonly given?: ReadonlyMap<string, number>;
}

export class Trainer {
  readonly device: Device;
  readonly #programs: Programs;
  readonly #specs: readonly ParameterSpec[];
  #given: ReadonlyMap<string, number>;
  #counts: Counts;
  #state: OptimizerState;

  private constructor(
    device: Device,
    programs: Programs,
    specs: readonly ParameterSpec[],
    given: ReadonlyMap<string, number>,
    counts: Counts,
    state: OptimizerState,
  ) {
    this.device = device;
    this.#programs = programs;
    this.#specs = specs;
    this.#given = given;
    this.#counts = counts;
    this.#state = state;
  }

  /** Compiles a model and puts a state of it on the device. */
  static async create(device: Device, model: Model, state: TrainerState, options: TrainerOptions): Promise<Trainer> {
    const { specs, ...graphs } = trainingGraphs(model);
    const programs = {
      gradients: await device.compile(graphs.gradients, { download: ["loss"] }),
      loss: await device.compile(graphs.loss, { download: ["loss"] }),
      logits: await device.compile(graphs.logits, { download: ["logits"] }),
      optimizer: await createOptimizer(device, specs, options),
    };
    const uploaded = await uploadState(device, specs, state);
    return new Trainer(device, programs, specs, options.given ?? new Map(), countsOf(state), uploaded);
  }

  /** Updates made so far. */
  get step(): number {
    return this.#counts.step;
  }

  /** Changes the values that the model is given at each run. */
  give(values: ReadonlyMap<string, number>): void {
    this.#given = values;
  }

  /**
   * One update by the gradients of all passes together.
   * @param passes parts of the step's batch; each is a micro-batch
   * @param seed seeds dropout, together with the number of the step
   */
  async update(passes: readonly TokenBatch[], learningRate: number, seed: number): Promise<StepResult> {
    const total = passes.reduce((tokens, { sequences, context }) => tokens + sequences * context, 0);
    let loss = 0;
    let accumulated: Tensors | undefined;
    for (const [pass, batch] of passes.entries()) {
      const seedOfPass = Random.from("dropout", seed, this.#counts.step, pass).uint32() | 0;
      const inputs = { ...this.#inputs(batch, 1 / total), [DROPOUT_SEED]: scalar(seedOfPass, "int32") };
      const { tensors, values } = await this.#programs.gradients.run(inputs);
      loss += scalarOf(values, "loss");
      const own = new Map(this.#specs.map(({ name }) => [name, requiredOf(tensors, gradientName(name))]));
      accumulated = accumulated === undefined ? own : await this.#programs.optimizer.accumulate(accumulated, own);
    }
    if (accumulated === undefined) throw new Error("a step needs at least one batch");
    const { step, updates } = this.#counts;
    const { norm, state } = await this.#programs.optimizer.update(this.#state, accumulated, {
      learningRate,
      step: step + 1,
      updates,
      generations: (name) => this.#counts.lineage.get(siteOf(name) ?? ""),
    });
    this.#state = state;
    if (Number.isFinite(norm) && Number.isFinite(loss)) this.#countUpdate();
    return { loss, gradientNorm: norm };
  }

  /** The mean cross-entropy over batches, in nats per token, and the number of tokens. */
  async evaluate(batches: Iterable<TokenBatch>): Promise<{ loss: number; tokens: number }> {
    let [total, tokens] = [0, 0];
    for (const batch of batches) {
      const { values } = await this.#programs.loss.run(this.#inputs(batch, 1));
      total += scalarOf(values, "loss");
      tokens += batch.sequences * batch.context;
    }
    return { loss: total / tokens, tokens };
  }

  /** The logits [B, T, V] of tokens int32 [B, T]. */
  async logits(tokens: Int32Array, shape: readonly [number, number]): Promise<HostTensor> {
    const inputs = { ...this.#modelInputs(), tokens: { dtype: "int32" as const, shape, data: tokens } };
    const { values } = await this.#programs.logits.run(inputs);
    return requiredOf(values, "logits");
  }

  /** The logits [V] of the token that follows a window of tokens. */
  async nextLogits(window: Int32Array): Promise<Float32Array> {
    const { data, shape } = await this.logits(window, [1, window.length]);
    if (!(data instanceof Float32Array)) throw new Error("internal: logits are float32");
    return data.slice(-(shape.at(-1) ?? 0));
  }

  /** Copies everything to the host. */
  async download(): Promise<TrainerState> {
    const { parameters, first, second } = this.#state;
    return {
      ...this.#counts,
      parameters: await this.#fetch(parameters),
      moments: { first: await this.#fetch(first), second: await this.#fetch(second) },
    };
  }

  /** Puts another state of the same model on the device, for example a grown one: the programs stay. */
  async replace(state: TrainerState): Promise<void> {
    const uploaded = await uploadState(this.device, this.#specs, state);
    await this.#disposeState();
    this.#state = uploaded;
    this.#counts = countsOf(state);
  }

  /** Euclidean norms of the parameters, by name: what to look at when a loss is not finite. */
  async parameterNorms(): Promise<ReadonlyMap<string, number>> {
    const parameters = await this.#fetch(this.#state.parameters);
    return new Map(
      [...parameters].map(([name, { data }]) => [name, Math.sqrt(data.reduce((sum, x) => sum + x * x, 0))]),
    );
  }

  /** Frees the programs and the state. The device stays open. */
  async close(): Promise<void> {
    const { gradients: gradientProgram, loss, logits } = this.#programs;
    await Promise.all([gradientProgram.release(), loss.release(), logits.release(), this.#disposeState()]);
  }

  async #disposeState(): Promise<void> {
    const { parameters, first, second } = this.#state;
    await this.device.dispose([...parameters.values(), ...first.values(), ...second.values()]);
  }

  #inputs({ tokens, targets, sequences, context }: TokenBatch, scale: number) {
    const shape = [sequences, context];
    return {
      ...this.#modelInputs(),
      tokens: { dtype: "int32" as const, shape, data: tokens },
      targets: { dtype: "int32" as const, shape, data: targets },
      lossScale: scalar(scale),
    };
  }

  #modelInputs(): Record<string, DeviceTensor | HostTensor> {
    const given = [...this.#given].map(([name, value]) => [name, scalar(value)] as const);
    return { ...Object.fromEntries(this.#state.parameters), ...Object.fromEntries(given) };
  }

  async #fetch(tensors: Tensors): Promise<Map<string, HostArray>> {
    const fetched = new Map<string, HostArray>();
    for (const [name, tensor] of tensors) {
      const { shape, data } = await this.device.download(tensor);
      if (!(data instanceof Float32Array)) throw new Error(`internal: ${name} is not float32`);
      fetched.set(name, { shape, data });
    }
    return fetched;
  }

  #countUpdate(): void {
    const { lineage, updates, step: before } = this.#counts;
    const step = before + 1;
    const counted = (generation: Generation): Generation =>
      step <= generation.frozenUntil ? generation : { ...generation, updates: generation.updates + 1 };
    const counts = [...lineage].map(([path, generations]) => [path, generations.map(counted)] as const);
    this.#counts = { step, updates: updates + 1, lineage: new Map(counts) };
  }
}

/** The graphs of a model: gradients for an update, the summed loss for an evaluation, logits. */
export function trainingGraphs(model: Model) {
  const traced = (training: boolean) => {
    const { scope, tokens, logits } = traceModel(model, { training });
    const targets = input("targets", tokens.shape, "int32");
    const losses = crossEntropy(rowsOf(logits), reshape(targets, [elements(targets.shape)])); // [B T]
    return { scope, logits, loss: mul(sum(losses, [0]), input("lossScale", [])) };
  };
  const training = traced(true);
  const specs = training.scope.parameters;
  const wrt = gradients(training.loss, training.scope.parameterTensors);
  const named = specs.map(({ name }, index) => [gradientName(name), wrt[index]] as const);
  const evaluation = traced(false);
  return {
    specs,
    gradients: graph("gradients", {
      loss: training.loss,
      ...Object.fromEntries(named.flatMap(([n, t]) => (t ? [[n, t]] : []))),
    }),
    loss: graph("loss", { loss: evaluation.loss }),
    logits: graph("logits", { logits: evaluation.logits }),
  };
}

const gradientName = (parameter: string) => `gradient.${parameter}`;

/**
 * The state of a new model: parameters as the model says, each drawn from the seed and its own name alone.
 * @param sizes the values of the symbolic dimensions in the parameters' shapes, such as a site's number of tokens
 */
export function initialState(model: Model, seed: number, sizes: ReadonlyMap<string, number> = new Map()): TrainerState {
  const { scope } = traceModel(model, { training: false });
  const parameters = new Map(
    scope.parameters.map(({ name, shape: symbolic, initial }): [string, HostArray] => {
      const shape = concreteShape(symbolic, sizes);
      const data = new Float32Array(size(shape));
      if (initial.kind === "ones") data.fill(1);
      if (initial.kind === "normal") {
        const random = Random.from("initial", seed, name);
        for (let index = 0; index < data.length; index++) data[index] = initial.deviation * random.normal();
      }
      return [name, { shape, data }];
    }),
  );
  return { step: 0, parameters, moments: undefined, updates: 0, lineage: firstGenerations(parameters) };
}

/** The lineage of a model that has not grown: all tokens of a site are of one generation. */
function firstGenerations(parameters: ReadonlyMap<string, HostArray>): Map<string, Generation[]> {
  const lineage = new Map<string, Generation[]>();
  for (const [name, { shape }] of parameters) {
    const site = siteOf(name);
    const tokens = shape[0];
    if (site === undefined || tokens === undefined) continue;
    lineage.set(site, [{ tokens, born: 0, init: "initial", updates: 0, frozenUntil: 0 }]);
  }
  return lineage;
}

/** The site that a parameter's rows are tokens of. */
export function siteOf(parameter: string): string | undefined {
  return /^(.+)\.(?:keys|values)$/.exec(parameter)?.[1];
}

type Counts = Pick<TrainerState, "step" | "updates" | "lineage">;

function countsOf({ step, updates, lineage }: TrainerState): Counts {
  return { step, updates, lineage };
}

async function uploadState(
  device: Device,
  specs: readonly ParameterSpec[],
  state: TrainerState,
): Promise<OptimizerState> {
  const upload = async (arrays: ReadonlyMap<string, HostArray> | undefined) => {
    const uploaded = new Map<string, DeviceTensor>();
    for (const { name } of specs) {
      const { shape } = required(state.parameters, name);
      const data = arrays === undefined ? new Float32Array(size(shape)) : required(arrays, name).data;
      uploaded.set(name, await device.upload({ dtype: "float32", shape, data }));
    }
    return uploaded;
  };
  return {
    parameters: await upload(state.parameters),
    first: await upload(state.moments?.first),
    second: await upload(state.moments?.second),
  };
}

function scalar(value: number, dtype: "float32" | "int32" = "float32"): HostTensor {
  return { dtype, shape: [], data: dtype === "float32" ? Float32Array.of(value) : Int32Array.of(value) };
}

function scalarOf(values: Readonly<Record<string, HostTensor>>, name: string): number {
  return Number(values[name]?.data[0]);
}

function size(shape: readonly number[]): number {
  return shape.reduce((product, n) => product * n, 1);
}

function requiredOf<Value>(record: Readonly<Record<string, Value>>, name: string): Value {
  return required(new Map(Object.entries(record)), name);
}
