/** Runs something and tells how long it took, in seconds. */
export async function timeOf<Result>(run: () => Promise<Result>): Promise<{ result: Result; seconds: number }> {
  const begun = performance.now();
  const result = await run();
  return { result, seconds: (performance.now() - begun) / 1000 };
}
