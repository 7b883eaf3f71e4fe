/** A model that learns on a device: makes updates. Knows nothing of text, files or schedules. */

import { elementsOf } from "../element-count.ts";
import { allOrNothing, freeAll, freeQuietly } from "../freeing.ts";
import { CHANNELS, channelGenerations, type Generation, type TrainerState, withoutMoments } from "../growth/index.ts";
import {
  type BatchForm,
  countedIn,
  downloadArrays,
  Inference,
  scalar,
  scalarOf,
  type Tensors,
  type TokenBatch,
} from "../inference/index.ts";
import { DROPOUT_FIRST, DROPOUT_SEED, type Model, type ParameterSpec } from "../nn/index.ts";
import {
  createOptimizer,
  gradientName,
  gradientsAmong,
  LossScale,
  learned,
  normOf,
  type Optimizer,
  type OptimizerState,
  type PassInputs,
  type Replicas,
  split,
  tensorsOf,
  type Updated,
  type UpdateStep,
} from "../optimizer/index.ts";
import { Random } from "../random.ts";
import type { Device, Program } from "../runtime/portable.ts";
import { openGradients } from "./gradient-program.ts";
import type { TrainerOptions } from "./trainer-options.ts";

export interface StepResult {
  /** Mean cross-entropy of the batch, in nats per token. */
  readonly loss: number;
  /** The global norm of the gradients, before clipping. */
  readonly gradientNorm: number;
}

/** A part of a step's batch. */
export interface Pass extends TokenBatch {
  /** Which pass of the step, counted over all ranks: it seeds dropout. Default: its place among those of this rank. */
  readonly pass?: number;
  /** How many sequences of that pass other ranks have before these. Default 0. */
  readonly first?: number;
}

/** A state on the device beside that of a trainer, which can be measured before the trainer goes on with it. */
export interface Candidate {
  /** The model with the weights of this state. */
  readonly inference: Inference;
  /** Makes the trainer go on with it: at once, and without fail. Resolves when what it had before is freed. */
  take(): Promise<void>;
  /** Frees it; the trainer has not changed. */
  discard(): Promise<void>;
}

type Counts = Pick<TrainerState, "step" | "updates" | "lineage">;

export class Trainer {
  readonly device: Device;
  /** Inference with the weights that are trained, for losses and logits. */
  readonly inference: Inference;
  readonly #gradients: Program;
  readonly #replicas: Replicas | undefined;
  readonly #optimizer: Optimizer;
  readonly #specs: readonly ParameterSpec[];
  /** The form of the batches that it takes. */
  readonly form: BatchForm;
  readonly #time: number | undefined;
  /** The scale of the loss, where products are in float16. */
  readonly #lossScale: LossScale | undefined;
  #counts: Counts;
  /** Resolves when all is freed; `undefined` until `close`. */
  #closed: Promise<void> | undefined;
  #moments: Omit<OptimizerState, "parameters">;
  #updating = false;

  private constructor(
    inference: Inference,
    programs: {
      readonly gradients: Program;
      readonly replicas: Replicas | undefined;
      readonly optimizer: Optimizer;
    },
    { time, precision, form = {} }: Pick<TrainerOptions, "time" | "precision" | "form">,
    specs: readonly ParameterSpec[],
    counts: Counts,
    moments: Omit<OptimizerState, "parameters">,
  ) {
    this.device = inference.device;
    this.inference = inference;
    this.#gradients = programs.gradients;
    this.#replicas = programs.replicas;
    this.#optimizer = programs.optimizer;
    this.#time = time;
    this.form = form;
    this.#lossScale = precision === "float16" ? new LossScale() : undefined;
    this.#specs = specs;
    this.#counts = counts;
    this.#moments = moments;
  }

  /** Compiles a model and puts a state of it on the device. */
  static async create(device: Device, model: Model, state: TrainerState, options: TrainerOptions): Promise<Trainer> {
    if (options.learns !== undefined && options.communicator !== undefined) {
      throw new Error("ranks train all parameters, or none");
    }
    return allOrNothing(async (onFailure) => {
      const { specs, gradients, replicas } = await openGradients(device, model, options, onFailure);
      const optimizer = await createOptimizer(device, specs, options, options.communicator, replicas !== undefined);
      onFailure(() => optimizer.release());
      const uploaded = await optimizer.upload(state);
      onFailure(() => device.dispose(tensorsOf(uploaded)));
      replicas?.use(await replicas.prepare(uploaded));
      const { parameters, ...moments } = uploaded;
      const inference = new Inference(device, model, parameters, options.given);
      const programs = { gradients, replicas, optimizer };
      return new Trainer(inference, programs, options, specs, countedUpdates(state), moments);
    });
  }

  /** How many of the parameters learn. */
  get learning(): number {
    return elementsOf(
      this.inference.parameters,
      this.#specs.map(({ name }) => name),
    );
  }

  /** Updates made so far. */
  get step(): number {
    return this.#counts.step;
  }

  /** The generations of each site's tokens, oldest first, by the site's path. */
  get lineage(): TrainerState["lineage"] {
    return this.#counts.lineage;
  }

  /**
   * One update by the gradients of all passes together. If the loss or the gradients are not finite, nothing is updated. Where
   * products are in float16 and gradients overflow, the update is tried again with a lower scale of the loss.
   * @param passes parts of the step's batch; each is a micro-batch
   * @param seed seeds dropout, together with the number of the step
   * @param tokens the targets that count, of the passes of all ranks. Default: of these
   * @throws Error for batches that it was not made for, and during another update; RangeError for a rate that is none; UserError for
   * a token or a target that the model does not have
   */
  async update(
    passes: readonly Pass[],
    learningRate: number,
    seed: number,
    tokens: number = tokensOf(passes),
  ): Promise<StepResult> {
    this.#check(passes, learningRate);
    this.#updating = true;
    try {
      return await this.#update(passes, learningRate, seed, tokens);
    } finally {
      this.#updating = false;
    }
  }

  #check(passes: readonly Pass[], learningRate: number): void {
    if (this.#updating) throw new Error("an update is under way: wait for it before the next");
    if (!(learningRate >= 0 && learningRate < Number.POSITIVE_INFINITY)) {
      throw new RangeError(`a learning rate of ${learningRate}: expected a number from 0`);
    }
    if (!passes.some(({ tokens }) => tokens.length > 0))
      throw new Error("an update needs at least one batch with a sequence");
    for (const pass of passes) {
      if (this.#time !== undefined && pass.context !== this.#time) {
        throw new Error(
          `a batch of context ${pass.context}: this trainer was made for ${this.#time}, its option \`time\``,
        );
      }
      const { weighted = false, separate = false } = this.form;
      for (const [key, has, wanted] of [
        ["weights", pass.weights !== undefined, weighted],
        ["documents", pass.documents !== undefined, separate],
      ] as const) {
        if (has === wanted) continue;
        throw new Error(
          `a batch ${has ? "with" : "without"} \`${key}\`: this trainer was made for batches ${wanted ? "with" : "without"} them, its option \`form\``,
        );
      }
    }
  }

  async #update(passes: readonly Pass[], learningRate: number, seed: number, tokens: number): Promise<StepResult> {
    const { step, updates, lineage } = this.#counts;
    const channels = (name: string, axis: 0 | 1) =>
      lineage.has(CHANNELS) ? channelGenerations(lineage, name, axis) : undefined;
    for (;;) {
      const lossScale = this.#lossScale?.factor ?? 1;
      const { loss, norm, state } = await this.#updated(this.#passesOfReplicas(passes, seed, lossScale / tokens), {
        learningRate,
        step: step + 1,
        updates,
        lossScale,
        generations: (name) => lineage.get(siteOf(name) ?? name) ?? channels(name, 0),
        columns: (name) => channels(name, 1),
      });
      this.#keep(state);
      const finite = Number.isFinite(norm);
      // Where the loss itself is not finite, no scale helps.
      if (!finite && Number.isFinite(loss) && this.#lossScale?.lower() === true) continue;
      if (finite) {
        this.#countUpdate();
        this.#lossScale?.succeeded();
      }
      return { loss: loss / lossScale, gradientNorm: norm };
    }
  }

  /**
   * Copies the state to the host; moments are of what learns.
   * @param wanted the parameters: all, or those that learn; for nothing, this rank only gives the others what it alone has, and the
   * arrays are empty
   */
  async download(wanted: "all" | "learning" | "nothing" = "all"): Promise<TrainerState> {
    const state = this.#state();
    const tensors = {
      all: () => state.parameters,
      learning: () => learned(this.#specs, state.parameters),
      nothing: (): Tensors => new Map(),
    }[wanted]();
    return {
      ...this.#counts,
      parameters: await downloadArrays(this.device, tensors),
      moments: await this.#optimizer.moments(state, wanted !== "nothing"),
    };
  }

  /** Among how many devices the sequences of a batch are divided. */
  get replicas(): number {
    return 1 + (this.#replicas?.count ?? 0);
  }

  /**
   * Puts another state of the same model on the device, for example a grown one: the programs and the replicas stay. Until the
   * candidate is taken, nothing changes; the device holds both states.
   * @param given values that the model is given with it. Default: those of now
   */
  async prepare(state: TrainerState, given: ReadonlyMap<string, number> = this.inference.given): Promise<Candidate> {
    return allOrNothing(async (onFailure) => {
      const uploaded = await this.#optimizer.upload(state);
      const dispose = () => this.device.dispose(tensorsOf(uploaded));
      onFailure(dispose);
      const memory = await this.#replicas?.prepare(uploaded);
      const inference = this.inference.with({ parameters: uploaded.parameters, given });
      return {
        inference,
        take: async () => {
          const old = tensorsOf(this.#state());
          this.#keep(uploaded);
          this.inference.use({ given });
          this.#counts = countedUpdates(state);
          const before = memory && this.#replicas?.use(memory);
          await freeQuietly(
            () => this.device.dispose(old),
            () => before && this.#replicas?.free(before),
          );
        },
        discard: () => freeAll(() => memory && this.#replicas?.free(memory), dispose),
      };
    });
  }

  /** Goes on with another state of the same model: see `prepare`. If that fails, nothing has changed. */
  async replace(state: TrainerState, given?: ReadonlyMap<string, number>): Promise<void> {
    await (await this.prepare(state, given)).take();
  }

  /** Euclidean norms of the parameters, by name: what to look at when a loss is not finite. */
  async parameterNorms(): Promise<ReadonlyMap<string, number>> {
    const parameters = await downloadArrays(this.device, this.inference.parameters);
    return new Map(
      [...parameters].map(([name, { data }]) => [name, Math.sqrt(data.reduce((sum, x) => sum + x * x, 0))]),
    );
  }

  /** Frees the programs and the state; again, it does nothing. The device stays open. */
  close(): Promise<void> {
    this.#closed ??= this.#free();
    return this.#closed;
  }

  async #free(): Promise<void> {
    const tensors = tensorsOf(this.#state());
    await freeAll(
      () => this.#replicas?.close(),
      () => this.#gradients.release(),
      () => this.#optimizer.release(),
      () => this.inference.close(),
      () => this.device.dispose(tensors),
    );
  }

  /** Makes the update: in one request of the device where it can. */
  async #updated([own = [], ...others]: PassInputs[][], step: UpdateStep): Promise<Updated> {
    const state = this.#state();
    const [inputs, ...more] = own;
    const isOne = inputs !== undefined && more.length === 0 && this.#replicas === undefined;
    const kernel = isOne ? this.#optimizer.kernel(state, step, gradientName) : undefined;
    if (isOne && kernel !== undefined) {
      const { values, answer } = await this.#gradients.runThen({ ...this.inference.inputs(), ...inputs }, kernel);
      return { loss: scalarOf(values, "loss"), norm: normOf(answer), state };
    }
    const together = this.#optimizer.together(state, step);
    if (together !== undefined && this.#replicas !== undefined) {
      const first = { program: this.#gradients, weights: state.parameters };
      return { ...(await this.#replicas.update(first, [own, ...others], together)), state };
    }
    const [accumulated, lossOfOthers] = await Promise.allSettled([
      this.#accumulated(own),
      this.#replicas?.gradients(others) ?? 0,
    ]);
    if (accumulated.status === "rejected") throw accumulated.reason;
    const { loss, gradients } = accumulated.value;
    if (lossOfOthers.status === "rejected") {
      await freeQuietly(() => this.device.dispose(gradients.values()));
      throw lossOfOthers.reason;
    }
    const computed = { gradients, loss: loss + lossOfOthers.value, shared: this.#replicas?.shared };
    return this.#optimizer.update(state, computed, step);
  }

  async #accumulated(passes: readonly PassInputs[]): Promise<{ loss: number; gradients: Tensors }> {
    let loss = 0;
    let sum: Tensors | undefined;
    try {
      for (const inputs of passes) {
        const { tensors, values } = await this.#gradients.run({ ...this.inference.inputs(), ...inputs });
        loss += scalarOf(values, "loss");
        const own = gradientsAmong(tensors);
        sum = sum === undefined ? own : await this.#optimizer.accumulate(sum, own);
      }
    } catch (error) {
      const spent = sum?.values() ?? [];
      await freeQuietly(() => this.device.dispose(spent));
      throw error;
    }
    if (sum === undefined) throw new Error("internal: a device without a pass");
    return { loss, gradients: sum };
  }

  /** The inputs of each replica's passes, first those of this device: each pass is divided among all. */
  #passesOfReplicas(passes: readonly Pass[], seed: number, lossFactor: number): PassInputs[][] {
    const inputs: PassInputs[][] = Array.from({ length: this.replicas }, () => []);
    for (const [index, { pass = index, first: before = 0, ...whole }] of passes.entries()) {
      const dropoutSeed = Random.from("dropout", seed, this.#counts.step, pass).uint32() | 0;
      for (const [replica, { first, batch }] of split(whole, inputs.length).entries()) {
        inputs[replica]?.push({
          ...this.inference.givenInputs(),
          ...this.inference.batchInputs(batch, lossFactor),
          [DROPOUT_SEED]: scalar(dropoutSeed, "int32"),
          [DROPOUT_FIRST]: scalar(before + first, "int32"),
        });
      }
    }
    return inputs;
  }

  #state(): OptimizerState {
    return { parameters: this.inference.parameters, ...this.#moments };
  }

  #keep({ parameters, ...moments }: OptimizerState): void {
    this.inference.use({ parameters });
    this.#moments = moments;
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

function tokensOf(batches: readonly TokenBatch[]): number {
  // Where none counts, the sum of nothing is divided by something.
  return Math.max(
    1,
    batches.reduce((tokens, batch) => tokens + countedIn(batch), 0),
  );
}

/** The site that a parameter's rows are tokens of. */
export function siteOf(parameter: string): string | undefined {
  return /^(.+)\.(?:keys|values)$/.exec(parameter)?.[1];
}

/** The counts of a state. Moments that are not known are zero, which Adam corrects by the updates that made them. */
function countedUpdates(state: TrainerState): Counts {
  const { step, updates, lineage } = state.moments === undefined ? withoutMoments(state) : state;
  return { step, updates, lineage };
}
