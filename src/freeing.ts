/** Freeing what was opened: all of it, also where a part of that fails. */

type Free = () => unknown;

/** Calls all of some functions that free something, one after the other. The first failure is thrown once the others are done. */
export async function freeAll(...frees: readonly Free[]): Promise<void> {
  const failures: unknown[] = [];
  for (const free of frees) {
    try {
      await free();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
}

/**
 * Frees what is of no more use once something is done, or has failed, which stays so. Failures are not told: what cannot be
 * freed lies on a device that is gone, as its next request says.
 */
export async function freeQuietly(...frees: readonly Free[]): Promise<void> {
  await freeAll(...frees).catch(() => undefined);
}

/**
 * Opens several things for one result, or changes nothing: where a step fails, what was opened before it is freed, the last
 * first, and its error is thrown.
 * @param open calls `onFailure` after each step, with what frees it
 */
export async function allOrNothing<Result>(
  open: (onFailure: (free: Free) => void) => Promise<Result>,
): Promise<Result> {
  const frees: Free[] = [];
  try {
    return await open((free) => frees.unshift(free));
  } catch (error) {
    await freeQuietly(...frees);
    throw error;
  }
}

/** As `Promise.all`, but a failure waits for the others to end. */
export async function settled<Promises extends readonly Promise<unknown>[] | []>(
  promises: Promises,
): Promise<{ -readonly [Key in keyof Promises]: Awaited<Promises[Key]> }> {
  await Promise.allSettled(promises);
  return Promise.all(promises);
}
