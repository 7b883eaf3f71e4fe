/** Models traced into programs: on whole sequences, and on new tokens beside a cache of earlier ones. */

import { UserError } from "../errors.ts";
import { CacheTrace, type Model, PresentCache, Scope } from "../nn/index.ts";
import { at, input, rowsOf, symbol, type Tensor } from "../tensor/index.ts";

/** A model traced on tokens int32 [B, T]. */
export interface Traced {
  readonly scope: Scope;
  readonly tokens: Tensor;
  readonly logits: Tensor;
}

export interface TraceOptions {
  /** Whether dropout is active. */
  readonly training: boolean;
  /** The tokens of each sequence. Default: any number; if it is known, long attention takes less time. */
  readonly time?: number | undefined;
  /** Whether the documents of tokens are given, int32 [B, T], and tokens attend to those of their own alone. Default false. */
  readonly separate?: boolean | undefined;
  /** Which parameters learn. Default: all. */
  readonly learns?: ((parameter: string) => boolean) | undefined;
  /** Generations that sequences have or have not. Default: all have all. */
  readonly gated?: GatedGenerations | undefined;
}

export function traceModel(model: Model, { training, time, separate = false, learns, gated }: TraceOptions): Traced {
  const tokens = input("tokens", [symbol("B"), time ?? symbol("T")], "int32");
  const scope = Scope.root({
    training,
    learns,
    gates: gated && gatesOf(gated, tokens),
    ...(separate && { documents: input("documents", tokens.shape, "int32") }),
  });
  return { scope, tokens, logits: logitsOf(model, scope, tokens) };
}

/** What a model gives. Throws a `UserError` where that is nothing, which JavaScript lets pass. */
function logitsOf(model: Model, scope: Scope, tokens: Tensor): Tensor {
  const logits: Tensor | undefined = model(scope, tokens);
  if (logits?.node !== undefined) return logits;
  throw new UserError(
    `the model's forward pass gives ${String(logits)}, expected its logits, a tensor [B, T, vocabulary]; return them`,
  );
}

/** V, the number of logits of a trace. */
export function vocabularyOf({ logits }: Traced): number {
  const size = at(logits.shape, -1);
  if (typeof size === "number") return size;
  throw new Error("a model must have a known vocabulary");
}

/** A model traced on new tokens int32 [B, T] and a cache of earlier ones; the logits are those that are wanted, [W, V]. */
export interface TracedWithCache extends Traced {
  readonly cache: CacheTrace;
}

/** The last generations of a model's tokens, which sequences have or have not: see `Gates`. */
export interface GatedGenerations {
  readonly first: number;
  readonly count: number;
}

/** What a trace with gated generations is given, float32 [B, G]. */
export const GATES = "gates";

export function traceWithCache(model: Model, gated?: GatedGenerations): TracedWithCache {
  const tokens = input("tokens", [symbol("B"), symbol("T")], "int32");
  const cache = new CacheTrace(tokens);
  const scope = Scope.root({ training: false, cache, gates: gated && gatesOf(gated, tokens) });
  return { scope, cache, tokens, logits: rowsOf(cache.select(logitsOf(model, scope, tokens))) };
}

/** The gates of some sequences as the input of that name. @param open of each, which it has, by their place among them */
export function gateInput(open: readonly (readonly number[])[], count: number) {
  const data = new Float32Array(open.length * count);
  for (const [row, own] of open.entries()) for (const gate of own) data[row * count + gate] = 1;
  return { dtype: "float32" as const, shape: [open.length, count], data };
}

const gatesOf = ({ first, count }: GatedGenerations, tokens: Tensor) => ({
  first,
  open: input(GATES, [at(tokens.shape, 0), count]),
});

/**
 * A model as other programs run it: tokens int32 [B, T] and `past.*` → logits [B, T, V] and `present.*`, the outputs by name.
 */
export function traceWithPresent(model: Model): Readonly<Record<string, Tensor>> {
  const tokens = input("tokens", [symbol("B"), symbol("T")], "int32");
  const cache = new PresentCache(tokens);
  const logits = logitsOf(model, Scope.root({ training: false, cache }), tokens);
  return { logits, ...Object.fromEntries(cache.present) };
}
