/** Options of what users define themselves: how they are described, and how they are checked. */

import { UserError } from "./errors.ts";

/**
 * What checks options and fills in defaults: any library's schema that follows Standard Schema (zod, valibot, arktype, …; see
 * standardschema.dev), if it answers at once, or `optionsWithDefaults`.
 */
export interface OptionsSchema<Options> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    validate(value: unknown): OptionsResult<Options> | Promise<OptionsResult<Options>>;
    readonly types?: { readonly input: unknown; readonly output: Options } | undefined;
  };
}

export type OptionsResult<Options> =
  | { readonly value: Options; readonly issues?: undefined }
  | { readonly issues: readonly OptionsIssue[] };

export interface OptionsIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** Values that options of plain kinds have. */
type Plain = number | boolean | string | readonly number[];

type Widened<Value> = Value extends number
  ? number
  : Value extends boolean
    ? boolean
    : Value extends string
      ? string
      : readonly number[];

/**
 * Options of plain kinds, each of the kind of its default: numbers, booleans, strings and lists of numbers.
 * @param defaults what options are that are not given
 */
export function optionsWithDefaults<const Defaults extends Readonly<Record<string, Plain>>>(
  defaults: Defaults,
): OptionsSchema<{ readonly [Key in keyof Defaults]: Widened<Defaults[Key]> }> {
  type Options = { readonly [Key in keyof Defaults]: Widened<Defaults[Key]> };
  const isOptions = (given: object): given is Options => faultsOf(given, defaults).length === 0;
  return {
    "~standard": {
      version: 1,
      vendor: "tokenformer",
      validate(value) {
        if (typeof value !== "object" || value === null) return { issues: [{ message: "expected an object" }] };
        const all = { ...defaults, ...value };
        return isOptions(all) ? { value: all } : { issues: faultsOf(all, defaults) };
      },
    },
  };
}

function faultsOf(given: object, defaults: Readonly<Record<string, Plain>>): OptionsIssue[] {
  return Object.entries(given).flatMap(([key, value]): OptionsIssue[] => {
    const fallback = Object.hasOwn(defaults, key) ? defaults[key] : undefined;
    if (fallback === undefined) {
      const known = Object.keys(defaults).join(", ") || "none";
      return [{ path: [key], message: `is no option; the options are: ${known}` }];
    }
    const expected = Array.isArray(fallback) ? "list of numbers" : typeof fallback;
    return kindOf(value) === expected
      ? []
      : [{ path: [key], message: `expected a ${expected} such as ${JSON.stringify(fallback)}` }];
  });
}

function kindOf(value: unknown): string {
  if (typeof value === "number") return Number.isFinite(value) ? "number" : "no number";
  return Array.isArray(value) && value.every((item) => Number.isFinite(item)) ? "list of numbers" : typeof value;
}

/** An issue at the path of an option. */
export interface OptionFault {
  readonly path: readonly string[];
  readonly message: string;
}

/** Options as their schema gives them, or what is wrong with them. Throws a `UserError` for a schema that takes its time. */
export function checkedOptions<Options>(
  schema: OptionsSchema<Options>,
  given: unknown,
  where: string,
): { readonly value: Options } | { readonly faults: readonly OptionFault[] } {
  const result = schema["~standard"].validate(given);
  if (result instanceof Promise) {
    throw new UserError(`${where}: its schema answers later; expected one that answers at once`);
  }
  if (result.issues === undefined) return { value: result.value };
  const faults = result.issues.map(({ message, path = [] }) => ({
    path: path.map((part) => String(typeof part === "object" ? part.key : part)),
    message,
  }));
  return { faults };
}

/** Options as their schema gives them. Throws a `UserError` that names the first that is wrong. */
export function parsedOptions<Options>(schema: OptionsSchema<Options>, given: unknown, where: string): Options {
  const result = checkedOptions(schema, given, where);
  if ("value" in result) return result.value;
  const [first] = result.faults;
  throw new UserError(`${[where, ...(first?.path ?? [])].join(".")}: ${first?.message ?? "is not what it should be"}`);
}
