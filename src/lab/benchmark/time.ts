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
  /** Whether no further round should begin; the first one always does. */
  isOver(): boolean;
  /** Whether something may begin; where no time is left for it, that is told. */
  begins(what: string): boolean;
}

/**
 * The course of parts that are to end at a time, as `performance.now()` counts.
 * @param note is told lines for people
 */
export function courseUntil(end: number, note: (line: string) => void): Course {
  const isOver = () => performance.now() >= end;
  const begins = (what: string) => {
    const isTime = !isOver();
    if (!isTime) note(`no time is left for ${what}`);
    return isTime;
  };
  return { note, isOver, begins };
}
