/** Runs something and tells how long it took, in seconds. */
export async function timeOf<Result>(run: () => Promise<Result>): Promise<{ result: Result; seconds: number }> {
  const startedAt = performance.now();
  const result = await run();
  return { result, seconds: (performance.now() - startedAt) / 1000 };
}

/** How a part of a benchmark goes on: whom it tells, and how long it may. */
export interface Course {
  /** Is told figures as soon as there are some. */
  note(line: string): void;
  /** Whether no further round, size or point should begin; the first one always does. */
  isOver(): boolean;
}
