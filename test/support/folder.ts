/** A folder of its own for the tests of a file, removed after them. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";

/** The path of names in the folder. */
export function useSharedFolder(): (...names: string[]) => string {
  let folder = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "tokenformer-test-"));
  });
  afterAll(async () => rm(folder, { recursive: true }));
  return (...names) => join(folder, ...names);
}
