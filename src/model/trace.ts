/** Models traced into programs: on whole sequences, and on new tokens beside a cache of earlier ones. */

import { CacheTrace, type Model, PresentCache, Scope } from "../nn/index.ts";
import { input, rowsOf, symbol, type Tensor } from "../tensor/index.ts";

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
}

export function traceModel(model: Model, { training, time, separate = false, learns }: TraceOptions): Traced {
  const tokens = input("tokens", [symbol("B"), time ?? symbol("T")], "int32");
  const scope = Scope.root({
    training,
    learns,
    ...(separate && { documents: input("documents", tokens.shape, "int32") }),
  });
  return { scope, tokens, logits: model(scope, tokens) };
}

/** A model traced on new tokens int32 [B, T] and a cache of earlier ones; the logits are those that are wanted, [W, V]. */
export interface TracedWithCache extends Traced {
  readonly cache: CacheTrace;
}

export function traceWithCache(model: Model): TracedWithCache {
  const tokens = input("tokens", [symbol("B"), symbol("T")], "int32");
  const cache = new CacheTrace(tokens);
  const scope = Scope.root({ training: false, cache });
  return { scope, cache, tokens, logits: rowsOf(cache.select(model(scope, tokens))) };
}

/**
 * A model as other programs run it: tokens int32 [B, T] and `past.*` → logits [B, T, V] and `present.*`, the outputs by name.
 */
export function traceWithPresent(model: Model): Readonly<Record<string, Tensor>> {
  const tokens = input("tokens", [symbol("B"), symbol("T")], "int32");
  const cache = new PresentCache(tokens);
  const logits = model(Scope.root({ training: false, cache }), tokens);
  return { logits, ...Object.fromEntries(cache.present) };
}
