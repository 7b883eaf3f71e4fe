/** Tokens on disk, for corpora that memory should not hold. */

import { rmSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { explainFileError } from "../formats/index.ts";
import { openTokenFile, type TokenSource, writeTokenFile } from "../text/index.ts";
import type { EncodedPiece } from "./tokenizing.ts";

/**
 * Writes tokens to a file in the system's folder for temporary ones (`TMPDIR`), which is gone once the source is closed, or the process
 * ends.
 * @param vocabularySize all ids are below this
 * @throws UserError where the file cannot be written, as on a full disk
 */
export async function spooledTokens(pieces: AsyncIterable<EncodedPiece>, vocabularySize: number): Promise<TokenSource> {
  const folder = await temporaryFolder();
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
    // What is open can still be read, and a process that is killed leaves nothing behind; Windows removes it at the end.
    if (process.platform !== "win32") await rm(folder, { recursive: true });
    return {
      ...source,
      close() {
        source.close();
        rmSync(folder, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

async function temporaryFolder(): Promise<string> {
  try {
    return await mkdtemp(join(tmpdir(), "tokenformer-tokens-"));
  } catch (error) {
    throw explainFileError(error, "write", tmpdir());
  }
}
