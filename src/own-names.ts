/** What users define themselves, a model or a growth strategy, by names that configurations keep. */

import { UserError } from "./errors.ts";
import { nearest } from "./suggestion.ts";

/** A name of one's own: a prefix, a colon and a name, such as "mine:mixer". The library's own names have no colon. */
export type OwnName = `${string}:${string}`;

const form = /^[\w.-]+:[\w.-]+$/;

export const isOwnName = (name: unknown): name is OwnName => typeof name === "string" && form.test(name);

/**
 * What names of one's own stand for in this process. A name is defined once and stays what it is: a configuration that was read
 * with it means the same for as long as the process lives.
 */
export class OwnDefinitions<Definition extends { readonly name: OwnName }> {
  readonly #definitions = new Map<OwnName, Definition>();
  readonly #what: string;
  readonly #option: string;

  /**
   * @param what they are, for messages: "model"
   * @param option of the command line that takes a module with one: "--model"
   */
  constructor(what: string, option: string) {
    this.#what = what;
    this.#option = option;
  }

  get names(): readonly OwnName[] {
    return [...this.#definitions.keys()];
  }

  /** Throws a `UserError` for a name of another form, or one that is taken. */
  define(definition: Definition): void {
    const { name } = definition;
    if (!isOwnName(name)) {
      throw new UserError(
        `the ${this.#what} "${String(name)}": expected a name with a prefix of your own, such as "mine:${String(name)}"; names without one are the library's`,
      );
    }
    if (this.#definitions.has(name)) {
      throw new UserError(`the ${this.#what} "${name}" is defined already; choose another name`);
    }
    this.#definitions.set(name, definition);
  }

  find(name: OwnName): Definition | undefined {
    return this.#definitions.get(name);
  }

  /** Throws a `UserError` where there is none. */
  of(name: OwnName): Definition {
    const found = this.#definitions.get(name);
    if (found === undefined) throw new UserError(this.missing(name));
    return found;
  }

  /** What to say of a name that is not defined. */
  missing(name: OwnName): string {
    const near = nearest(name, this.names);
    const other = near === undefined ? "" : `, but "${near}" is`;
    return `the ${this.#what} "${name}" is not defined here${other}; import the module that defines it first (on the command line: ${this.#option} FILE.js)`;
  }
}
