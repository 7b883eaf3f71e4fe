/** What ONNX Runtime throws, told so that someone can do something about it. */

import { messageOf, UserError } from "../errors.ts";

/** The error after which ONNX Runtime can compute no more. */
export class BreakdownError extends UserError {}

/** How ONNX Runtime says that memory is full, on one device or another. */
const NO_MEMORY = /bad_alloc|out of memory|failed to allocate|max buffer size|size overflow|integer overflow/i;

/** What is told of a tensor. Declared here, as ONNX Runtime's own type of it needs those of a page. */
interface Fed {
  readonly type: string;
  readonly dims: readonly number[];
  readonly location: string;
}

/** The error for a run that failed. */
export function explain(error: unknown, feeds: Readonly<Record<string, Fed>>, isBreakdown: boolean): Error {
  const message = messageOf(error);
  if (isBreakdown) {
    const reason = `ONNX Runtime broke down (${message}), most likely for want of memory`;
    return new BreakdownError(`${reason}; begin anew, with a smaller model or batch`, { cause: error });
  }
  if (NO_MEMORY.test(message)) {
    const reason = reasonOf(error).replace(/\.$/, "");
    return new UserError(
      `there is not enough memory on the device (${reason}); take a smaller model, batch or training.microBatch`,
      { cause: error },
    );
  }
  const given = Object.entries(feeds).map(([name, t]) => `${name}: ${t.type}[${t.dims}] on ${t.location}`);
  return new Error(`ONNX Runtime failed: ${message}\n  inputs: ${given.join(", ")}`);
}

/** The reason that an error gives, as one sentence. */
export function reasonOf(error: unknown): string {
  // ONNX Runtime puts codes, and the place in its source, first: "…file.cc:136 function(…) condition was false. Reason."
  const line = messageOf(error).split("\n")[0] ?? "";
  return line.replace(/^.*(?:was false\. |ERROR_MESSAGE: |FAIL : |\(\) )/, "").replace(/\.?$/, ".");
}
