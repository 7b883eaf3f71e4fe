import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach } from "vitest";

/** A fresh folder for each test of a file, removed after it; `at` gives a path inside. */
export function useFolder(): { at: (...names: string[]) => string } {
  let folder = "";
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "tokenformer-formats-"));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true, force: true });
  });
  return { at: (...names) => path.join(folder, ...names) };
}

/** The name and message of what `action` throws, such as `UserError: cannot read ...`. */
export async function failure(action: Promise<unknown>): Promise<string> {
  try {
    await action;
  } catch (error) {
    return String(error);
  }
  return "nothing was thrown";
}
