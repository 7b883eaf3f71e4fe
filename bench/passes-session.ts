/** Passes through a program of gradients by ONNX Runtime alone, past the library's device. */

import { InferenceSession, Tensor } from "onnxruntime-node";
import { batchesOf, stateOf, type Work } from "tokenformer/benchmark";
import { givenOf } from "tokenformer/model";

// Sessions of this thread send no telemetry either.
process.env["ORT_DISABLE_TELEMETRY"] ??= "1";

/** What the program of the gradients is given: a batch, the weights and τ. */
export function feedsOf(work: Pick<Work, "config" | "batch">): Readonly<Record<string, Tensor>> {
  const [batch] = batchesOf(work, 1);
  if (batch === undefined) throw new Error("a batch");
  const ids = (data: Int32Array) => new Tensor("int32", data, [batch.sequences, batch.context]);
  const scalar = (value: number) => new Tensor("float32", Float32Array.of(value), []);
  const feeds: Record<string, Tensor> = {
    tokens: ids(batch.tokens),
    targets: ids(batch.targets),
    lossFactor: scalar(1 / batch.tokens.length),
  };
  for (const [name, { shape, data }] of stateOf(work).parameters) feeds[name] = new Tensor("float32", data, shape);
  for (const [name, value] of givenOf(work.config)) feeds[name] = scalar(value);
  return feeds;
}

/**
 * A session with the options of src/runtime/session-host.ts, but for the needless optimisers, which that leaves out.
 * @param profileFilePrefix where ONNX Runtime writes its profile. Default: it makes none
 */
export function openSession(model: Uint8Array, threads: number, profileFilePrefix?: string): Promise<InferenceSession> {
  return InferenceSession.create(model, {
    graphOptimizationLevel: "all",
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    enableMemPattern: false,
    logSeverityLevel: 4,
    extra: {
      session: { force_spinning_stop: "1" },
      optimization: { disable_specified_optimizers: "SkipLayerNormFusion" },
    },
    ...(profileFilePrefix !== undefined && { enableProfiling: true, profileFilePrefix }),
  });
}
