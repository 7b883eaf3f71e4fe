/** What is said of a command line that makes no sense: one line, with a way to mend it. */

import { keyCalled } from "../configuration/near-key.ts";

/** The commands whose configuration `--set` changes. */
const CONFIGURED: readonly string[] = ["train", "study"];

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
  const key =
    option === undefined || command === undefined || !CONFIGURED.includes(command) ? undefined : keyCalled(option);
  const what = key === undefined ? line : `unknown option '--${option}'; set ${key} with --set ${key}=…`;
  return `${what}${what.endsWith("?") ? " See" : "; see"} \`tokenformer ${command === undefined ? "" : `${command} `}--help\``;
}
