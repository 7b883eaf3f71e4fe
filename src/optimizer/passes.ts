/** The passes of a step: what each is given of the batch, and what it gives. */

import type { Tensors, TokenBatch } from "../inference/index.ts";
import type { DeviceTensor, HostTensor } from "../runtime/portable.ts";

/** The inputs of a pass beside the weights. */
export type PassInputs = Readonly<Record<string, HostTensor>>;

const GRADIENT = "gradient:";

/** The output with the gradient of a parameter. */
export const gradientName = (parameter: string) => GRADIENT + parameter;

/** The outputs of a run that are gradients, all of those that stay on the device, by the names of the parameters. */
export function gradientsAmong(outputs: Readonly<Record<string, DeviceTensor>>): Tensors {
  return new Map(Object.entries(outputs).map(([name, tensor]) => [name.slice(GRADIENT.length), tensor]));
}

/** A batch in so many parts of nearly as many sequences, each with the number of sequences before it; fewer of fewer sequences. */
export function split({ tokens, targets, sequences, context, weights, documents }: TokenBatch, count: number) {
  const parts = Math.min(count, sequences);
  return Array.from({ length: parts }, (_, part): { readonly first: number; readonly batch: TokenBatch } => {
    const first = Math.floor((part * sequences) / parts);
    const end = Math.floor(((part + 1) * sequences) / parts);
    const [from, to] = [first * context, end * context];
    const batch = {
      tokens: tokens.subarray(from, to),
      targets: targets.subarray(from, to),
      sequences: end - first,
      context,
      ...(weights !== undefined && { weights: weights.subarray(from, to) }),
      ...(documents !== undefined && { documents: documents.subarray(from, to) }),
    };
    return { first, batch };
  });
}
