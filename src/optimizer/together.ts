/**
 * One update by all devices that have computed gradients: each makes that of its part of all numbers, in the same request as its last
 * pass. With one device for all of it, the others would wait: for a tenth of a step of TokenFormer at `nanogpt-cpu`.
 */

import { settled } from "../freeing.ts";
import { scalarOf, type Tensors } from "../inference/index.ts";
import { required } from "../required.ts";
import type { Device, Program } from "../runtime/portable.ts";
import { normOf, type TogetherStep, type Updated } from "./adamw.ts";
import { PREFIXES } from "./adamw-parameters.ts";
import type { GiveParameters } from "./exchange-parameters.ts";
import { gradientName, type PassInputs } from "./passes.ts";
import { abandon, openMeeting, type SharedState, type TogetherParameters } from "./together-parameters.ts";

/** A device and what it does in an update. */
export interface Side {
  readonly device: Device;
  readonly program: Program;
  /** Its own copies of all weights. */
  readonly weights: Tensors;
  /** The inputs of its passes; of some there may be none. */
  readonly passes: readonly PassInputs[];
  /** Its gradients in memory that all share. */
  readonly gradients: Float32Array;
}

/**
 * Computes gradients and makes the update. If one of the devices fails, nothing is changed.
 * @param sides the device of the state, then others; the first ones have passes
 * @param weights of all that learns, in shared memory
 * @returns the sum of the losses, and the norm of the gradients before clipping
 */
export async function updateOf(
  [first, ...others]: readonly [Side, ...Side[]],
  weights: Float32Array,
  { moments, ...step }: TogetherStep,
): Promise<Omit<Updated, "state">> {
  const sides = [first, ...others];
  const names = step.tensors.map(({ name }) => name);
  const before = await settled(sides.map((side) => lossBefore(side, names)));
  const state: SharedState = {
    weights,
    gradients: [first.gradients, ...others.map((side) => side.gradients)],
    first: moments.first,
    second: moments.second,
    memory: moments.floats.memory,
  };
  const working = sides.filter(({ passes }) => passes.length > 0).length;
  const given = { ...step, state, working, meeting: openMeeting(sides.length) };
  let failure: { readonly error: unknown } | undefined;
  const parts = sides.map(async (side, member) => {
    try {
      return await lastOf(side, names, { ...given, member, adding: side.passes.length > 1 });
    } catch (error) {
      // The others fail too, as they hear of it: this is why.
      failure ??= { error };
      abandon(given.meeting);
      throw error;
    }
  });
  await Promise.allSettled(parts);
  if (failure !== undefined) throw failure.error;
  const updated = await Promise.all(parts);
  const loss = [...before, ...updated.map((part) => part.loss)].reduce((sum, own) => sum + own, 0);
  return { loss, norm: updated[0]?.norm ?? Number.NaN };
}

/** The passes of a device before its last one: their gradients are added up in shared memory. Returns the sum of their losses. */
async function lossBefore({ program, weights, passes, gradients }: Side, names: readonly string[]): Promise<number> {
  const outputs = outputsOf(names, "");
  let loss = 0;
  for (const [pass, inputs] of passes.slice(0, -1).entries()) {
    const parameters: GiveParameters = { names, shared: gradients, adding: pass > 0 };
    const kernel = { kernel: "give", tensors: {}, outputs, parameters } as const;
    loss += scalarOf((await program.runThen({ ...Object.fromEntries(weights), ...inputs }, kernel)).values, "loss");
  }
  return loss;
}

/** The last pass of a device, if it has one, and its part of the update. */
async function lastOf(
  { device, program, weights, passes }: Side,
  names: readonly string[],
  parameters: TogetherParameters,
) {
  const tensors = Object.fromEntries(names.map((name) => [PREFIXES.parameter + name, required(weights, name)]));
  const kernel = { kernel: "updateTogether", tensors, parameters } as const;
  const inputs = passes.at(-1);
  if (inputs === undefined) return { loss: 0, norm: normOf(await device.kernel(kernel)) };
  const outputs = outputsOf(names, PREFIXES.gradient);
  const { values, answer } = await program.runThen(
    { ...Object.fromEntries(weights), ...inputs },
    { ...kernel, outputs },
  );
  return { loss: scalarOf(values, "loss"), norm: normOf(answer) };
}

/** The outputs that are gradients, by the names of their arrays. */
function outputsOf(names: readonly string[], prefix: string): Record<string, string> {
  return Object.fromEntries(names.map((name) => [prefix + name, gradientName(name)]));
}
