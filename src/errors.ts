/**
 * A mistake that the user can mend: a wrong file, option or value.
 *
 * The message is one line that says what was wrong, where, what was expected and how to mend it. The command line
 * prints it alone, without a stack trace, and exits with 1. Every other error is a fault of ours.
 */
export class UserError extends Error {
  override readonly name = "UserError";
}

/** The text of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
