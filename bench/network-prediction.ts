/** What the simple model predicts of many machines: nothing here is measured. */

import { countParameters, parseConfig, presets, trainingFlopsPerToken } from "tokenformer";
import { NEOX_VOCABULARY } from "#tokenformer/configuration";
import { bytesAnUpdate } from "#tokenformer/training";
import { predicted, trafficOf } from "./network-model.ts";

const SIZES = ["124m", "354m", "757m", "1.4b"] as const;
const MACHINES = [8, 64, 512] as const;
const GIGABITS = [10, 100] as const;

/** Operations a second of a machine: a server with CPUs, and one with a GPU that reaches half of its peak. */
const TERAFLOPS = [1, 100] as const;

/** The sequences of an update of all machines together, of 1024 tokens. */
const BATCH = 512;

/** Seconds from one message to the next, between machines of one data centre. */
const LATENCY = 20e-6;

export const WAYS = {
  float32: { localSteps: 1, communicationDtype: "float32" },
  bfloat16: { localSteps: 1, communicationDtype: "bfloat16" },
  "50 local updates": { localSteps: 50, communicationDtype: "float32" },
} as const;

export interface Prediction {
  readonly size: string;
  readonly machines: number;
  readonly gigabits: number;
  readonly teraflops: number;
  readonly way: string;
  /** Seconds of an update, and how many of them are computing. */
  readonly seconds: number;
  readonly compute: number;
  /** The share of the time in which machines compute. */
  readonly efficiency: number;
}

/** Of all sizes, machines, links and ways. */
export function predictions() {
  const points = SIZES.flatMap((size) =>
    Object.keys(WAYS).flatMap((way) =>
      TERAFLOPS.flatMap((teraflops) =>
        GIGABITS.flatMap((gigabits) =>
          MACHINES.map((machines) => predictionOf({ size, way, teraflops, gigabits, machines })),
        ),
      ),
    ),
  );
  return {
    note: "a prediction of the simple model, not a measurement: computing and sending do not overlap, and all machines are alike",
    assumptions: {
      sequencesOfAnUpdate: BATCH,
      context: 1024,
      latencyMicroseconds: LATENCY * 1e6,
      teraflopsOfAMachine: TERAFLOPS,
    },
    points,
  };
}

type Case = Pick<Prediction, "way" | "teraflops" | "gigabits" | "machines"> & { readonly size: (typeof SIZES)[number] };

function predictionOf(of: Case): Prediction {
  const { size, way, teraflops, gigabits, machines } = of;
  const { config: preset } = presets[size];
  const local = Object.entries(WAYS).find(([name]) => name === way)?.[1];
  const config = parseConfig({
    ...preset,
    training: { ...preset.training, ...local, steps: 1000, evaluateEvery: 0, checkpointEvery: 0 },
    growth: [],
  });
  const model = { ...config.model, vocabulary: config.model.vocabulary ?? NEOX_VOCABULARY };
  const parameters = countParameters(model).total;
  const compute = (trainingFlopsPerToken(model) * BATCH * model.context) / machines / (teraflops * 1e12);
  const traffic = trafficOf(
    bytesAnUpdate(config, parameters, machines),
    parameters,
    machines,
    config.training.localSteps,
  );
  const seconds = predicted(compute, traffic, { bandwidth: (gigabits * 1e9) / 8, latency: LATENCY });
  return { ...of, seconds, compute, efficiency: compute / seconds };
}
