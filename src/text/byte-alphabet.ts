/**
 * GPT-2's alphabet for bytes: every byte as one visible character, so that a vocabulary of byte strings can be stored as
 * JSON text without spaces or control characters.
 *
 * The printable bytes of Latin-1 stand for themselves; the 68 others take the characters from U+0100 on, in order.
 */
function buildAlphabet(): string[] {
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => {
    const visible = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte !== 0xad);
    return String.fromCharCode(visible ? byte : next++);
  });
}

/** The character of each byte, by byte. */
export const byteCharacters: readonly string[] = buildAlphabet();
