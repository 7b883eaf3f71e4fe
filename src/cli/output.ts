/** What the command line prints: answers on stdout, everything else on stderr. */

let closed = false;

/** Whether nobody reads the standard output any more, as after `head`: what does nothing but write can end. */
export function outputIsClosed(): boolean {
  return closed;
}

/** Codes of errors that tell that a reader, or the terminal, has gone, once and again. */
const GONE = ["EPIPE", "EIO", "ERR_STREAM_DESTROYED"];

/**
 * Lets work go on when what is printed reaches nobody: neither a reader that closes its pipe nor a terminal that is closed ends
 * a training. Other failures, such as a full disk, are told at once and by the exit code.
 */
export function surviveLostOutput(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (!closed && !GONE.includes(error.code ?? "")) {
      note(`tokenformer: the standard output cannot be written: ${error.message}`);
      process.exitCode = 1;
    }
    closed = true;
  });
  process.stderr.on("error", () => undefined);
}

/** Where lines go. */
const streams: { out: Writer; errors: Writer } = { out: process.stdout, errors: process.stderr };

export interface Writer {
  write(text: string): unknown;
}

/** Sends all that is printed from here on somewhere else. */
export function redirectOutput(writer: Writer): void {
  streams.out = writer;
  streams.errors = writer;
}

/** Prints a line of the answer. */
export function print(line = ""): void {
  streams.out.write(`${line}\n`);
}

/** Prints a line about what is going on. */
export function note(line = ""): void {
  streams.errors.write(`${line}\n`);
}

/** Prints a value as JSON on one line, for programs to read. */
export function printJson(value: unknown): void {
  print(JSON.stringify(value));
}

/** Prints rows with their columns aligned: the first to the left, the others to the right. */
export function printTable(rows: readonly (readonly string[])[], write: (line: string) => void = print): void {
  const widths = rows.reduce<number[]>(
    (widest, row) => row.map((cell, column) => Math.max(widest[column] ?? 0, cell.length)),
    [],
  );
  for (const row of rows) {
    const cells = row.map((cell, column) =>
      column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
    );
    write(`  ${cells.join("  ")}`.trimEnd());
  }
}
