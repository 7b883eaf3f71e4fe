/**
 * Scopes name the parameters of a model while it is traced.
 *
 * A model is a function of a scope and tokens. It asks the scope for each parameter where it uses it, with its shape and
 * initial distribution, so that a model is written once: the same trace tells which parameters there are, trains, evaluates.
 */

import {
  at,
  cast,
  constant,
  type DataType,
  type Dimension,
  greaterOrEqual,
  input,
  printType,
  range,
  reshape,
  type Shape,
  slice,
  sub,
  sum,
  type Tensor,
  where,
} from "../tensor/index.ts";
import type { Cache } from "./cache.ts";

/** How a parameter starts. */
export type Initial =
  | { readonly kind: "normal"; readonly deviation: number }
  | { readonly kind: "constant"; readonly value: number };

export type NormalInitial = Extract<Initial, { kind: "normal" }>;

export const normal = (deviation: number): NormalInitial => ({ kind: "normal", deviation });
export const filled = (value: number): Initial => ({ kind: "constant", value });
export const zeros: Initial = filled(0);
export const ones: Initial = filled(1);

/** What the learning rate of a parameter is multiplied by: a number, or a function of its size, which may grow. */
export type RateFactor = number | ((size: readonly number[]) => number);

/** How a parameter starts, and how fast it learns. */
export interface ParameterSetup {
  readonly initial: Initial;
  /** What multiplies its learning rate. Default 1. */
  readonly rate?: RateFactor;
}

export interface ParameterSpec extends ParameterSetup {
  /** Path of the parameter, for example `blocks.0.attention.query.keys`. */
  readonly name: string;
  readonly shape: Shape;
}

/** A language model: tokens int32 [B, T] → logits float32 [B, T, vocabulary]. */
export type Model = (scope: Scope, tokens: Tensor) => Tensor;

/**
 * Names of what a program is given, and of what it gives, beside the parameters of a model. Whatever else a program gives has a colon in
 * its name, which no parameter has.
 */
const RESERVED = new Set([
  ...["tokens", "targets", "lossFactor", "weights", "documents", "gates", "last", "dropout.seed", "dropout.first"],
  ...["logits", "loss", "rows"],
]);

/** Generations of parameter tokens that sequences have or have not, each by itself. */
export interface Gates {
  /** The number of the first generation that has a gate. */
  readonly first: number;
  /** 1 where a sequence has a generation, 0 where it has not: float32 [B, G]. */
  readonly open: Tensor;
}

/** Parameters and records that a trace collects. */
interface Trace {
  readonly parameters: Map<string, { readonly spec: ParameterSpec; readonly tensor: Tensor }>;
  readonly inputs: Map<string, Tensor>;
  readonly records: Map<string, Tensor>;
  readonly training: boolean;
  readonly cache: Cache | undefined;
  readonly documents: Tensor | undefined;
  readonly learns: (parameter: string) => boolean;
  readonly gates: Gates | undefined;
  sites: number;
}

export interface ScopeOptions {
  /** Whether dropout is active. */
  readonly training: boolean;
  /** The cache of earlier tokens, for a trace that goes on from them. Default: none, the tokens are all there is. */
  readonly cache?: Cache;
  /** The document of each token, int32 [B, T], among which alone it attends. Default: one for all. */
  readonly documents?: Tensor;
  /** Which sequences have the last generations of parameter tokens. Default: all have all. */
  readonly gates?: Gates | undefined;
  /** Which parameters learn, by their paths; the others are never updated. Default: all. */
  readonly learns?: ((parameter: string) => boolean) | undefined;
}

export class Scope {
  readonly #trace: Trace;
  readonly #path: string;

  private constructor(trace: Trace, path: string) {
    this.#trace = trace;
    this.#path = path;
  }

  /** A scope to trace a model in. */
  static root({ training, cache, documents, gates, learns = () => true }: ScopeOptions): Scope {
    return new Scope(
      {
        training,
        cache,
        documents,
        gates,
        learns,
        parameters: new Map(),
        inputs: new Map(),
        records: new Map(),
        sites: 0,
      },
      "",
    );
  }

  /** The cache of earlier tokens, if the trace has one: attention between tokens must use it. */
  get cache(): Cache | undefined {
    return this.#trace.cache;
  }

  /** The document of each token, int32 [B, T], where attention stays within one. */
  get documents(): Tensor | undefined {
    return this.#trace.documents;
  }

  /**
   * The positions of tokens [B, T] in what they can see, int32: [T], or [B, T] where sequences differ in their earlier tokens. A separate
   * document begins at position 0, wherever in its row it is.
   */
  positions(tokens: Tensor): Tensor {
    if (this.cache !== undefined) return this.cache.positions;
    const places = range(at(tokens.shape, 1));
    return this.documents === undefined ? places : sub(places, startsOf(this.documents));
  }

  /** The rows of x [B, T, D] whose logits are wanted: all of them, unless the trace has a cache. Taken before the output layer. */
  wanted(x: Tensor): Tensor {
    return this.cache?.select(x) ?? x;
  }

  /** Whether the trace is one for training. */
  get training(): boolean {
    return this.#trace.training;
  }

  /** Whether each sequence has a generation, 1 or 0: [B, 1]. `undefined` for one that all sequences have. */
  gate(generation: number): Tensor | undefined {
    const { gates } = this.#trace;
    if (gates === undefined || generation < gates.first) return undefined;
    return slice(gates.open, 1, generation - gates.first, generation - gates.first + 1);
  }

  /** Whether a parameter learns, by its whole path. */
  learns(path: string): boolean {
    return this.#trace.learns(path);
  }

  /** The parameters that the model asked for, in that order. */
  get parameters(): readonly ParameterSpec[] {
    return [...this.#trace.parameters.values()].map(({ spec }) => spec);
  }

  /** The tensors of `parameters`, in the same order. */
  get parameterTensors(): readonly Tensor[] {
    return [...this.#trace.parameters.values()].map(({ tensor }) => tensor);
  }

  /** The path of a name in this scope. */
  path(name: string): string {
    return this.#path === "" ? name : `${this.#path}.${name}`;
  }

  /** The scope of a part of the model: `scope.within("attention").parameter("keys", …)` is `attention.keys`. */
  within(name: string): Scope {
    return new Scope(this.#trace, this.path(name));
  }

  /**
   * A parameter that is learned. Asked for twice, alike, it is shared. The rows of parameters named `keys` and `values` are parameter
   * tokens: their scope is a site, whose tokens may be born at different steps.
   * @param rate multiplies the learning rate, not weight decay
   * @throws Error for a name that is taken, also by the parameter itself with another shape, beginning or rate
   */
  parameter(name: string, shape: Shape, initial: Initial, rate: RateFactor = 1): Tensor {
    const path = this.path(name);
    const existing = this.#trace.parameters.get(path);
    if (existing !== undefined) {
      const [one, other] = [printSpec(existing.spec), printSpec({ shape, initial, rate })];
      if (one === other) return existing.tensor;
      throw new Error(
        `parameter("${path}"): is asked for as ${other}, and was as ${one}; ask alike, or choose another name`,
      );
    }
    if (RESERVED.has(path) || path.startsWith("cache.")) {
      throw new Error(
        `parameter("${path}"): the programs of a model have an input or an output of that name; choose another`,
      );
    }
    if (path.includes(":")) {
      throw new Error(
        `parameter("${path}"): a colon is in names that the programs of a model choose themselves; leave it out`,
      );
    }
    const tensor = input(path, shape);
    this.#trace.parameters.set(path, { spec: { name: path, shape, initial, rate }, tensor });
    return tensor;
  }

  /** A value that is given at each run and not learned, for example a layer's τ. Asked for twice, it is shared. */
  given(name: string, shape: readonly Dimension[] = [], dtype: DataType = "float32"): Tensor {
    const path = this.path(name);
    const tensor = this.#trace.inputs.get(path) ?? input(path, shape, dtype);
    this.#trace.inputs.set(path, tensor);
    return tensor;
  }

  /** The root's value of that name: one for the whole model. */
  global(name: string, shape: readonly Dimension[] = [], dtype: DataType = "float32"): Tensor {
    return new Scope(this.#trace, "").given(name, shape, dtype);
  }

  /**
   * Names an intermediate value, for example the weights of an attention, so that a program can have it among its outputs.
   * It costs nothing in those that do not. Where a layer is used twice, the last use stands.
   */
  record(name: string, tensor: Tensor): void {
    this.#trace.records.set(this.path(name), tensor);
  }

  /** Tensors that the model recorded, by path. */
  get records(): ReadonlyMap<string, Tensor> {
    return this.#trace.records;
  }

  /** A number that no other caller in this trace gets: 0, 1, … */
  unique(): number {
    return this.#trace.sites++;
  }
}

/** The shape of a parameter, how it starts, and what its rate is multiplied by. */
function printSpec({ shape, initial, rate = 1 }: Omit<ParameterSpec, "name">): string {
  const start = initial.kind === "normal" ? `N(0, ${initial.deviation})` : `all ${initial.value}`;
  return `${printType({ dtype: "float32", shape })} of ${start}${printRate(rate, shape)}`;
}

function printRate(rate: RateFactor, shape: Shape): string {
  const sizes = shape.filter((size) => typeof size === "number");
  // Functions of a size that may grow are taken to be alike.
  if (typeof rate === "function" && sizes.length < shape.length) return " at a rate of its size";
  const factor = typeof rate === "number" ? rate : rate(sizes);
  return factor === 1 ? "" : ` at ${factor} times the rate`;
}

/** The place in its row where each token's document begins: documents int32 [B, T], numbered in their order → int32 [B, T]. */
function startsOf(documents: Tensor): Tensor {
  const [batch, time] = [at(documents.shape, 0), at(documents.shape, 1)];
  const [own, other] = [reshape(documents, [batch, time, 1]), reshape(documents, [batch, 1, time])];
  const isEarlier = where(greaterOrEqual(other, own), constant(0), 1); // [B, T, T]
  return cast(reshape(sum(isEarlier, [2]), [batch, time]), "int32");
}
