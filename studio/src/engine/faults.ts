/** Faults as sentences with what to do. */

import { DivergenceError, messageOf, UnknownCharacterError, UserError } from "tokenformer/browser";
import { ZodError } from "zod";

/** How engines word that memory has run out: V8's arrays, WebAssembly's heap, ONNX Runtime's allocators, WebGPU. */
const MEMORY =
  /allocation failed|out of memory|bad_alloc|failed to allocate|memory access out of bounds|invalid typed array length/i;

/** An error that a visitor can read. */
export function explained(error: unknown): UserError {
  // Their own messages name options of the command line.
  if (error instanceof UnknownCharacterError) return new UserError(unknownWords(error), { cause: error });
  if (error instanceof DivergenceError) return new UserError(highLossWords(error), { cause: error });
  if (error instanceof UserError) return error;
  if (error instanceof ZodError) return new UserError(error.issues.map(complaintOf).join("; "), { cause: error });
  const message = messageOf(error);
  if (MEMORY.test(message)) {
    return new UserError(
      "There is not enough memory in this tab: choose a smaller model or batch, or close other tabs and reload this one. What was last saved is kept.",
      { cause: error },
    );
  }
  return new UserError(
    `Something went wrong that should not have (${message}). Reload the page: what was last saved is kept.`,
    { cause: error },
  );
}

function unknownWords({ character, place }: UnknownCharacterError): string {
  return (
    `“${character}” at ${place} is none of the characters that this model knows, which are those of its text: leave it out, ` +
    "or start a run of your own text that reads byte pairs, or has a sign for all others."
  );
}

/** Of a run that is not to be handed on as it is. */
function highLossWords({ what }: DivergenceError): string {
  return `Its loss is too high at the moment (${what}): train it until that is lower and try again, or start a run with a lower learning rate.`;
}

/**
 * Of a run that has stopped.
 * @param isBack whether it is what was last saved of it; else nothing was
 */
export function divergedWords({ what }: DivergenceError, isBack: boolean): string {
  return isBack
    ? `Its loss is too high (${what}): what was last saved of it is kept, and trying again goes on from there; where that ends alike, start a run with a lower learning rate.`
    : `Its loss is too high (${what}), and nothing of it was saved that it could go back to: delete runs that you no longer need, and start one with a lower learning rate.`;
}

/** Of a run that trains on, though it cannot be kept as it is. */
export function unsoundWords(name: string, { what }: DivergenceError): string {
  return `The loss of ${name} is too high at the moment (${what}), so what was saved before stays: it is saved again once its loss is lower.`;
}

const complaintOf = ({ path, message }: ZodError["issues"][number]) => [...path.map(String), message].join(": ");

/** An object whose methods reject with errors that a visitor can read. */
export function explaining<Target extends object>(target: Target): Target {
  return new Proxy(target, {
    get(_, key) {
      const member: unknown = Reflect.get(target, key, target);
      if (typeof member !== "function") return member;
      return async (...given: unknown[]): Promise<unknown> => {
        try {
          return await Reflect.apply(member, target, given);
        } catch (error) {
          throw explained(error);
        }
      };
    },
  });
}
