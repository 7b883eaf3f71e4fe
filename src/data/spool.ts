/** Tokens on disk, for corpora that memory should not hold. */

import { rmSync } from "node:fs";
import { mkdir, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { explainFileError, isStale, temporaryName } from "../formats/index.ts";
import { openTokenFile, type TokenSource, writeTokenFile } from "../text/index.ts";
import type { EncodedPiece } from "./tokenizing.ts";

/** What the name of a folder of tokens begins with; the rest tells whose it is. */
const PREFIX = "tokenformer-tokens";

/**
 * Writes tokens to a file in the system's folder for temporary ones (`TMPDIR`), which is gone once the source is closed, or the process
 * ends. What a process leaves that is killed while it writes, the next one removes.
 * @param vocabularySize all ids are below this
 * @throws UserError where the file cannot be written, as on a full disk
 */
export async function spooledTokens(pieces: AsyncIterable<EncodedPiece>, vocabularySize: number): Promise<TokenSource> {
  const folder = await temporaryFolder();
  const remove = () => rmSync(folder, { recursive: true, force: true });
  process.once("exit", remove);
  try {
    const file = join(folder, "tokens.bin");
    let textBytes = 0;
    const ids = async function* () {
      for await (const piece of pieces) {
        textBytes += piece.bytes;
        yield piece.ids;
      }
    };
    await writeTokenFile(file, ids(), { vocabularySize, textBytes: () => textBytes });
    const source = openTokenFile(file, { vocabularySize });
    const forget = () => {
      remove();
      process.off("exit", remove);
    };
    // What is open can still be read, and a process that is killed leaves nothing behind; Windows removes it at the end.
    if (process.platform !== "win32") forget();
    return {
      ...source,
      close() {
        source.close();
        forget();
      },
    };
  } catch (error) {
    process.off("exit", remove);
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

/** A folder of its own, once those of processes that are gone are removed. */
async function temporaryFolder(): Promise<string> {
  const root = tmpdir();
  const folder = join(root, PREFIX + (await temporaryName()));
  try {
    for (const name of await readdir(root)) {
      const place = join(root, name);
      if (!name.startsWith(PREFIX) || !(await isStale(place, name.slice(PREFIX.length)))) continue;
      // It may be another user's.
      await rm(place, { recursive: true, force: true }).catch(() => undefined);
    }
    await mkdir(folder, { mode: 0o700 });
    return folder;
  } catch (error) {
    throw explainFileError(error, "write", root);
  }
}
