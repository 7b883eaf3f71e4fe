/** How long it takes from a model to a program that can run. */

import { configSchema, presets } from "../../configuration/index.ts";
import { modelOf } from "../../model/index.ts";
import { openDevice } from "../../runtime/index.ts";
import { emitOnnx } from "../../tensor/index.ts";
import { gradientsOf } from "../../training/portable.ts";
import { timeOf } from "./time.ts";

export interface SessionTimes {
  readonly layers: number;
  /** Nodes of our graph. */
  readonly nodes: number;
  /** Seconds to trace and differentiate the model. */
  readonly graph: number;
  /** Seconds to write it as ONNX. */
  readonly emission: number;
  /** Seconds in which ONNX Runtime makes a session of it. */
  readonly session: number;
}

/** Prints the times of a training step's program with so many layers. */
export async function sessionTask([layers = ""]: readonly string[]): Promise<void> {
  const { model } = configSchema.parse(presets["124m"].config);
  const config = { ...model, layers: Number(layers), vocabulary: model.vocabulary ?? 65 };
  const traced = await timeOf(async () => gradientsOf(modelOf(config), config.context));
  const emitted = await timeOf(async () => emitOnnx(traced.result.graph));
  const device = await openDevice("cpu");
  const compiled = await timeOf(() => device.compile(traced.result.graph, { download: ["loss"] }));
  await device.close();
  const times: SessionTimes = {
    layers: Number(layers),
    nodes: traced.result.graph.nodes.length,
    graph: traced.seconds,
    emission: emitted.seconds,
    session: compiled.seconds - emitted.seconds,
  };
  process.stdout.write(`${JSON.stringify(times)}\n`);
}
