/** The options of benchmarks: a mistake in them is told in one line, and ends the program with exit code 2. */

import { basename, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { type ParseArgsConfig, parseArgs } from "node:util";

/** `parseArgs`, which tells an unknown option, a missing value or a word too many with the options that there are. */
export function parsedOptions<const Config extends ParseArgsConfig>(
  config: Config,
): ReturnType<typeof parseArgs<Config>> {
  try {
    return parseArgs(config);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && String(error.code).startsWith("ERR_PARSE_ARGS"))) throw error;
    const [what = ""] = error.message.split(". ");
    const known = Object.keys(config.options ?? {}).map((name) => `--${name}`);
    return endAt(`${what.charAt(0).toLowerCase()}${what.slice(1)}; the options are ${known.join(", ")}`);
  }
}

/** One of some names. Any other ends the program with the list of them. */
export function oneOf<Name extends string>(names: readonly Name[], given: string, option: string): Name {
  return names.find((name) => name === given) ?? endAt(`${option} ${given}: expected one of ${names.join(", ")}`);
}

/** Those of some names that a list with commas has, in the order of the names. Any other ends the program as in `oneOf`. */
export function someOf<Name extends string>(names: readonly Name[], given: string, option: string): Name[] {
  const wanted = new Set(given.split(",").map((name) => oneOf(names, name, option)));
  return names.filter((name) => wanted.has(name));
}

/** A whole number from 1. Anything else ends the program. */
export function countOf(given: string, option: string): number {
  const count = Number(given);
  return Number.isInteger(count) && count >= 1 ? count : endAt(`${option} ${given}: expected a whole number from 1`);
}

/** This build, and another one, by the addresses of their folders `dist`. Ends the program where the other has no name. */
export function buildsOf(other: string | undefined): { readonly own: string; readonly other: string } {
  if (other === undefined) endAt("--other: is missing; name the folder dist of another build");
  return { own: new URL("../dist/", import.meta.url).href, other: pathToFileURL(`${resolve(other)}/`).href };
}

/** Ends the program for a mistake of whoever started it. */
export function endAt(mistake: string): never {
  console.error(`${basename(process.argv[1] ?? "", ".js")}: ${mistake}`);
  process.exit(2);
}
