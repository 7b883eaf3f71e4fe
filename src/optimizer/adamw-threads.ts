/**
 * AdamW on the CPU of Node by as many threads as the device has: one alone moves 10 GB a second, and the arrays of 124M parameters are
 * 2 GB. The others see the memory of this one's arrays by its address, through koffi: ONNX Runtime takes no memory that is shared.
 */

import { Worker } from "node:worker_threads";
import { type Koffi, loadingBegins, loadKoffi } from "../native-library.ts";
import type { HostData } from "../runtime/portable.ts";
import { adamwStep } from "./adamw-kernel.ts";
import { type AdamWParameters, PREFIXES } from "./adamw-parameters.ts";
import { type SharedStep, StepInPieces, type StepNumbers, shareStep } from "./adamw-pieces.ts";
import { floats } from "./exchange-kernel.ts";

/** Numbers from which on further threads pay: of fewer, one thread updates all in some 15 ms. */
const ENOUGH = 2 ** 22;

/** An array in the memory of the process. */
export interface Place {
  readonly address: bigint;
  readonly length: number;
}

/** What a helper is told of a step: the arrays p, g, m and v of each tensor. */
export interface HelperMessage {
  readonly places: readonly { readonly [Name in "p" | "g" | "m" | "v"]: Place }[];
  readonly step: StepNumbers;
  readonly shared: SharedStep;
}

type Step = (arrays: Readonly<Record<string, HostData>>, step: AdamWParameters) => number;

/** The kernel of `adamw-kernel.ts`, with the same numbers to the last bit; alone where koffi is missing, or this has not been tried. */
export async function loadAdamwStep(): Promise<Step> {
  if (process.platform !== "linux") return adamwStep;
  const koffi = await loadKoffi().catch(() => undefined);
  return koffi === undefined ? adamwStep : (arrays, step) => stepBy(koffi, arrays, step);
}

function stepBy(koffi: Koffi, arrays: Readonly<Record<string, HostData>>, given: AdamWParameters): number {
  const { shared: replicas, threads = 1, ...step } = given;
  const own = step.tensors.map(({ name }) => ({
    p: floats(arrays, PREFIXES.parameter + name),
    g: floats(arrays, PREFIXES.gradient + name),
    m: floats(arrays, PREFIXES.first + name),
    v: floats(arrays, PREFIXES.second + name),
  }));
  const lengths = own.map(({ p }) => p.length);
  const isEnough = lengths.reduce((sum, length) => sum + length, 0) >= ENOUGH;
  if (threads === 1 || replicas !== undefined || !isEnough) return adamwStep(arrays, given);
  const place = (array: Float32Array): Place => ({ address: koffi.address(array), length: array.length });
  const places = own.map(({ p, g, m, v }) => ({ p: place(p), g: place(g), m: place(m), v: place(v) }));
  const shared = shareStep(lengths);
  for (const helper of helpers(threads - 1)) helper.postMessage({ places, step, shared } satisfies HelperMessage);
  return new StepInPieces(own, step, shared).lead();
}

/** Those of this thread. One that has failed took nothing, and is not replaced. */
const started: Worker[] = [];
const failed = new Set<Worker>();

/** Threads that help this one; none is waited for. */
function helpers(count: number): Worker[] {
  while (started.length < count) {
    loadingBegins();
    const worker = new Worker(new URL("./adamw-thread.js", import.meta.url), { execArgv: [] });
    worker.on("error", () => failed.add(worker));
    worker.unref();
    started.push(worker);
  }
  return started.slice(0, count).filter((worker) => !failed.has(worker));
}
