/**
 * How many threads the environment asks for: the first number of `OMP_NUM_THREADS`, by which programs that compute share a machine;
 * undefined where it asks for none.
 */
export function threadsOfEnvironment(): number | undefined {
  const asked = Number.parseInt(process.env["OMP_NUM_THREADS"] ?? "", 10);
  return asked >= 1 ? asked : undefined;
}
