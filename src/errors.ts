/**
 * A mistake that the user can mend: a wrong file, option or value.
 *
 * The message is one line that says what was wrong, where, what was expected and how to mend it. The command line
 * prints it alone, without a stack trace, and exits with 1. Every other error is a fault of ours.
 */
export class UserError extends Error {
  override readonly name = "UserError";

  constructor(message: string, options?: ErrorOptions) {
    super(oneLine(message), options);
  }
}

/** Characters that are kept of the beginning and of the end of a longer message, where what was wrong and what helps stand. */
const BEGINNING = 1500;
const END = 300;

/** A message that may quote anything of a file, in one line that can be read. */
function oneLine(message: string): string {
  const line = message.replace(/\p{Cc}+/gu, " ");
  if (line.length <= BEGINNING + END) return line;
  return `${line.slice(0, BEGINNING)} … ${line.slice(-END)}`;
}

/** The text of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
