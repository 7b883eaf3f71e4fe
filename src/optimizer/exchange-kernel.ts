/** How devices exchange the arrays of a model: through one array in shared memory that has them one after the other. */

import type { HostData } from "../runtime/portable.ts";
import { addGradients } from "./adamw-simd.ts";
import type { GiveParameters, TakeParameters } from "./exchange-parameters.ts";

/** Copies arrays into shared memory, or adds them to what is there. */
export function give(arrays: Readonly<Record<string, HostData>>, { adding, ...exchange }: GiveParameters): undefined {
  for (const [array, part] of parts(arrays, exchange)) {
    if (adding) addGradients(part, [array]);
    else part.set(array);
  }
}

/** Copies arrays out of shared memory. */
export function take(arrays: Readonly<Record<string, HostData>>, exchange: TakeParameters): undefined {
  for (const [array, part] of parts(arrays, exchange)) array.set(part);
}

/** Each array with its part of the shared memory. */
function* parts(arrays: Readonly<Record<string, HostData>>, { names, shared }: TakeParameters) {
  let start = 0;
  for (const name of names) {
    const array = floats(arrays, name);
    yield [array, shared.subarray(start, start + array.length)] as const;
    start += array.length;
  }
}

export function floats(arrays: Readonly<Record<string, HostData>>, name: string): Float32Array {
  const array = arrays[name];
  if (!(array instanceof Float32Array)) throw new Error(`internal: no float32 array "${name}"`);
  return array;
}
