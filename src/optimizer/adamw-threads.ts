/**
 * The kernels of `adamw-kernel.ts` by as many threads as their device has: one alone moves 10 GB a second, and the
 * arrays of 124M parameters are 2 GB. The others see the memory of this one's arrays by its address, through koffi:
 * ONNX Runtime takes no memory that is shared.
 */

import { Worker } from "node:worker_threads";
import { type Ending, type Koffi, loadKoffi, watchKoffi } from "../native-library.ts";
import type { HostData } from "../runtime/portable.ts";
import { accumulate, adamwStep } from "./adamw-kernel.ts";
import { type AdamWParameters, PREFIXES } from "./adamw-parameters.ts";
import { type SharedStep, StepInPieces, type StepNumbers, SumsInPieces, shareStep } from "./adamw-pieces.ts";
import { floats } from "./exchange-kernel.ts";
import { shareCounts } from "./pieces.ts";

/** Numbers from which on further threads pay: fewer are updated by one thread in some 15 ms. */
const ENOUGH = 2 ** 22;

/**
 * Ranges of rows up to which they pay: each thread is sent all of them. After a growth of the width there may be one
 * for each row.
 */
const FEW = 2 ** 12;

/** Helpers at most: a few cores read and write as fast as the memory does. */
const MOST = 7;

/** An array in the memory of the process. */
export interface Place {
  readonly address: bigint;
  readonly length: number;
}

/** What a helper is started with. */
export interface HelperData {
  readonly startedBy: Ending;
}

/** What a helper is told: of a step with the arrays of each tensor, or of sums of gradients. */
export type HelperMessage =
  | {
      readonly kind: "step";
      readonly places: readonly { readonly [Name in "p" | "g" | "m" | "v"]: Place }[];
      readonly step: StepNumbers;
      readonly shared: SharedStep;
    }
  | {
      readonly kind: "sums";
      readonly places: readonly { readonly [Name in "sum" | "g"]: Place }[];
      readonly counts: Int32Array;
    };

type Arrays = Readonly<Record<string, HostData>>;

/** How one thread and its helpers do what `adamw-kernel.ts` does. */
interface ThreadKernels {
  adamwStep(arrays: Arrays, given: AdamWParameters): number;
  accumulate(arrays: Arrays, names: readonly string[]): undefined;
}

/**
 * The kernels for a device of so many threads, with the same numbers to the last bit: alone where koffi is missing, or
 * on systems where this has not been tried.
 */
export async function adamwKernels(threads: number): Promise<ThreadKernels> {
  if (threads === 1 || process.platform !== "linux") return alone;
  loading ??= loadKoffi().catch(() => undefined);
  const koffi = await loading;
  return koffi === undefined ? alone : withHelpers(koffi, Math.min(MOST, threads - 1));
}

const alone: ThreadKernels = { adamwStep, accumulate };

/** koffi, which is looked for once. */
let loading: Promise<Koffi | undefined> | undefined;

function withHelpers(koffi: Koffi, count: number): ThreadKernels {
  const placeOf = (array: Float32Array): Place => ({ address: koffi.address(array), length: array.length });
  const tell = (message: HelperMessage) => {
    for (const helper of helpers(count)) helper.postMessage(message);
  };
  return {
    adamwStep(arrays, given) {
      const { shared: replicas, ...step } = given;
      const lengths = step.tensors.map(({ name }) => floats(arrays, PREFIXES.parameter + name).length);
      const ranges = step.tensors.reduce((sum, { rows }) => sum + rows.length, 0);
      if (replicas !== undefined || !isEnough(lengths) || ranges > FEW) return adamwStep(arrays, given);
      const own = step.tensors.map(({ name }) => ({
        p: floats(arrays, PREFIXES.parameter + name),
        g: floats(arrays, PREFIXES.gradient + name),
        m: floats(arrays, PREFIXES.first + name),
        v: floats(arrays, PREFIXES.second + name),
      }));
      const places = own.map(({ p, g, m, v }) => ({ p: placeOf(p), g: placeOf(g), m: placeOf(m), v: placeOf(v) }));
      const shared = shareStep(lengths);
      const work = new StepInPieces(own, step, shared);
      tell({ kind: "step", places, step, shared });
      return work.lead();
    },
    accumulate(arrays, names) {
      const own = names.map((name) => ({
        sum: floats(arrays, `sum:${name}`),
        g: floats(arrays, PREFIXES.gradient + name),
      }));
      if (!isEnough(own.map(({ g }) => g.length))) return accumulate(arrays, names);
      const counts = shareCounts();
      const work = new SumsInPieces(own, counts);
      tell({ kind: "sums", places: own.map(({ sum, g }) => ({ sum: placeOf(sum), g: placeOf(g) })), counts });
      work.lead();
    },
  };
}

const isEnough = (lengths: readonly number[]) => lengths.reduce((sum, length) => sum + length, 0) >= ENOUGH;

/** Those of this thread. One that has ended is not replaced. */
const started: Worker[] = [];
const ended = new Set<Worker>();
let canStart = true;

/** Threads that help this one, as many as can be had; none is waited for before it has taken something. */
function helpers(count: number): Worker[] {
  while (canStart && started.length < count) {
    try {
      const workerData: HelperData = { startedBy: watchKoffi() };
      const worker = new Worker(new URL("./adamw-thread.js", import.meta.url), { execArgv: [], workerData });
      worker.on("error", () => ended.add(worker)).on("exit", () => ended.add(worker));
      worker.unref();
      started.push(worker);
    } catch {
      // The system gives no more threads.
      canStart = false;
    }
  }
  return started.filter((worker) => !ended.has(worker));
}
