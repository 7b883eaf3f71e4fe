/** Numbers among the options. */

import { UserError } from "../errors.ts";

/** A parser of an option's number, for commander. Throws a `UserError` that names the option. */
export function numberOption(name: string): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === "" || !Number.isFinite(value)) throw new UserError(`${name} ${text}: expected a number`);
    return value;
  };
}

/** As `numberOption`, for whole numbers that are not below the least. */
export function wholeOption(name: string, least = 0): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === "" || !Number.isSafeInteger(value) || value < least)
      throw new UserError(`${name} ${text}: expected a whole number from ${least}`);
    return value;
  };
}
