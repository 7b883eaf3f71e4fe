/** Telling what a file is that is not what it should be. */

const bytesOf = (text: string): number[] => [...new TextEncoder().encode(text)];

/** The bytes at which kinds of files begin, and how to get from them to what can be read. */
const KINDS: readonly { readonly begins: readonly number[]; readonly what: string }[] = [
  {
    begins: bytesOf("version https://git-lfs"),
    what: "is a pointer to a large file, not the file; fetch it with: git lfs pull",
  },
  { begins: [0x1f, 0x8b], what: "is compressed by gzip; decompress it first" },
  { begins: bytesOf("<"), what: "is a page of HTML or XML, perhaps an error of the download; get it again" },
];

/** How many bytes tell the kind of a file. */
export const KIND_BYTES = 32;

/** What a file seems to be by its first bytes, and what to do: `is compressed by gzip; decompress it first`. */
export function otherKindOf(start: Uint8Array): string | undefined {
  return KINDS.find(({ begins }) => begins.every((byte, index) => start[index] === byte))?.what;
}
