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

/** As `numberOption`, for whole numbers from 0. */
export function wholeOption(name: string): (text: string) => number {
  return (text) => {
    if (!/^\d+$/.test(text.trim()) || !Number.isSafeInteger(Number(text)))
      throw new UserError(`${name} ${text}: expected a whole number from 0`);
    return Number(text);
  };
}
