/** Bytes that are read by range, wherever they are. */

/** Fills `target` from byte `position` on; returns how many bytes there were. */
export type ReadBytes = (target: Uint8Array, position: number) => Promise<number>;

/** What can be written to a file: text (as UTF-8), bytes, or bytes piece by piece. */
export type FileContents = string | Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/** A file on disk or in memory. Close it after use. */
export interface ByteSource {
  /** What messages call it: a path, or a name. */
  readonly name: string;
  readonly size: number;
  readonly read: ReadBytes;
  close(): Promise<void>;
}

export function memorySource(name: string, bytes: Uint8Array): ByteSource {
  const read: ReadBytes = async (target, position) => {
    const part = bytes.subarray(position, position + target.length);
    target.set(part);
    return part.length;
  };
  return { name, size: bytes.length, read, close: () => Promise.resolve() };
}

/** What would be written, as bytes. */
export async function contentBytes(contents: FileContents): Promise<Uint8Array> {
  if (typeof contents === "string") return new TextEncoder().encode(contents);
  if (contents instanceof Uint8Array) return contents;
  const pieces: Uint8Array[] = [];
  for await (const piece of contents) pieces.push(piece);
  const joined = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let position = 0;
  for (const piece of pieces) {
    joined.set(piece, position);
    position += piece.length;
  }
  return joined;
}
