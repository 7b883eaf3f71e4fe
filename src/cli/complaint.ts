/** What is said of a command line that makes no sense: one line, with a way to mend it. */

import { keyCalled } from "../configuration/near-key.ts";

/** The commands whose `--set` changes the configuration of a run, and what its keys begin with there. Studies have keys of their own. */
const CONFIGURED: ReadonlyMap<string | undefined, string> = new Map([
  ["train", ""],
  ["demo", ""],
  ["adapt", "training."],
]);

/**
 * One line from what the parser of the command line says in several.
 * @param command the name of the command, where there is one
 */
export function complaint(text: string, command: string | undefined): string {
  const line = text
    .trim()
    .replace(/^error: /, "")
    .replace(/\s*\n\s*\(Did you mean (.+)\?\)/i, "; did you mean $1?")
    .replaceAll(/\s*\n\s*/g, " ")
    .replace(/\.$/, "");
  const [, option] = /^unknown option '--(?:no-)?([\w-]+)/.exec(line) ?? [];
  const beginning = CONFIGURED.get(command);
  const key = option === undefined || beginning === undefined ? undefined : keyCalled(option);
  const isSet = key !== undefined && beginning !== undefined && key.startsWith(beginning);
  const what = !isSet ? line : `unknown option '--${option}'; set ${key} with --set ${key}=…`;
  return `${what}${what.endsWith("?") ? " See" : "; see"} \`tokenformer ${command === undefined ? "" : `${command} `}--help\``;
}
