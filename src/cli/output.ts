/** What the command line prints: answers on stdout, everything else on stderr. */

/** Prints a line of the answer. */
export function print(line = ""): void {
  process.stdout.write(`${line}\n`);
}

/** Prints a line about what is going on. */
export function note(line = ""): void {
  process.stderr.write(`${line}\n`);
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
