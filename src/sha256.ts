/** The SHA-256 of bytes, in hexadecimal: in Node and in browsers. */
export async function sha256(data: Float32Array | Uint8Array): Promise<string> {
  // A digest takes no memory that threads share.
  const { buffer, byteOffset, byteLength } = data;
  const bytes =
    buffer instanceof ArrayBuffer
      ? new Uint8Array(buffer, byteOffset, byteLength)
      : Uint8Array.from(new Uint8Array(buffer, byteOffset, byteLength));
  const digest = await digestOf(bytes);
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function digestOf(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  // Typed as if it were always there, but pages that are not served securely have none.
  const subtle: typeof crypto.subtle | undefined = crypto.subtle;
  if (subtle !== undefined) return new Uint8Array(await subtle.digest("SHA-256", bytes));
  return (await import("@noble/hashes/sha2.js")).sha256(bytes);
}
