/** The page of help of the program as a whole. Those of its commands are written by the parser, in the same form. */

import { commands } from "./commands.ts";

/** What the program does, in one line. */
export const DESCRIPTION = "train, grow and run TokenFormer language models on ONNX Runtime";

const OPTIONS = { "-V, --version": "output the version number", "-h, --help": "display help for command" };

/** @param columns the width of the terminal. Default 80 */
export function helpPage(columns = 80): string {
  const listed = Object.entries(commands).map(([name, { description }]) => [name, description] as const);
  const options = Object.entries(OPTIONS);
  const all = [...listed, ["help", OPTIONS["-h, --help"]] as const];
  const width = Math.max(...[...options, ...all].map(([name]) => name.length));
  const rows = (entries: readonly (readonly [string, string])[]) =>
    entries.map(([name, text]) => {
      const indented = wrapped(text, columns - width - 4).join(`\n${" ".repeat(width + 4)}`);
      return `  ${name.padEnd(width)}  ${indented}`;
    });
  return [
    "Usage: tokenformer [options] [command]",
    "",
    ...wrapped(DESCRIPTION, columns),
    "",
    "Options:",
    ...rows(options),
    "",
    "Commands:",
    ...rows(all),
  ].join("\n");
}

/** The narrowest column in which lines are broken: in a narrower one they would be hard to read. */
const NARROWEST = 40;

/** A text in lines of at most `width` characters, unless a word is longer. */
function wrapped(text: string, width: number): string[] {
  if (width < NARROWEST) return [text];
  const lines = text.match(new RegExp(`.{1,${width}}(?= |$)|[^ ]+`, "g")) ?? [];
  return lines.map((line) => line.trimStart());
}
