/** The SHA-256 of bytes, in hexadecimal: in Node and in browsers. */
export async function sha256(data: Float32Array | Uint8Array): Promise<string> {
  // A digest takes no memory that threads share.
  const { buffer, byteOffset, byteLength } = data;
  const bytes =
    buffer instanceof ArrayBuffer
      ? new Uint8Array(buffer, byteOffset, byteLength)
      : Uint8Array.from(new Uint8Array(buffer, byteOffset, byteLength));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
