/** The SHA-256 of bytes, in hexadecimal: in Node and in browsers. */
export async function sha256(data: Float32Array | Uint8Array): Promise<string> {
  // A digest takes no memory that threads share.
  const { buffer, byteOffset, byteLength } = data;
  const bytes =
    buffer instanceof ArrayBuffer
      ? new Uint8Array(buffer, byteOffset, byteLength)
      : Uint8Array.from(new Uint8Array(buffer, byteOffset, byteLength));
  // Typed as if it were always there, but pages that are not served securely have none.
  const subtle: SubtleCrypto | undefined = crypto.subtle;
  const digest = subtle === undefined ? digestOf(bytes) : new Uint8Array(await subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

type SubtleCrypto = typeof crypto.subtle;

// ---- without the browser's own, by FIPS 180-4 ------------------------------------------------------------------------

const BLOCK = 64;

const PRIMES = Array.from({ length: 312 }, (_, n) => n).filter((n) => n > 1 && isPrime(n));

function isPrime(n: number): boolean {
  for (let divisor = 2; divisor * divisor <= n; divisor++) if (n % divisor === 0) return false;
  return true;
}

/** The first 32 bits after the point. */
const fraction = (x: number) => (x * 2 ** 32) | 0;
const ROUNDS = PRIMES.map((prime) => fraction(Math.cbrt(prime)));
const START = PRIMES.slice(0, 8).map((prime) => fraction(Math.sqrt(prime)));

function digestOf(bytes: Uint8Array): Uint8Array {
  // A one bit, zeros, and the length in bits fill up the last block.
  const padded = new Uint8Array(Math.ceil((bytes.length + 9) / BLOCK) * BLOCK);
  padded.set(bytes);
  padded[bytes.length] = 0x80;
  new DataView(padded.buffer).setBigUint64(padded.length - 8, 8n * BigInt(bytes.length));
  const state = Int32Array.from(START);
  const words = new Int32Array(ROUNDS.length);
  for (let at = 0; at < padded.length; at += BLOCK) {
    spread(new DataView(padded.buffer, at, BLOCK), words);
    mix(state, words);
  }
  const digest = new DataView(new ArrayBuffer(32));
  for (const [index, word] of state.entries()) digest.setInt32(4 * index, word);
  return new Uint8Array(digest.buffer);
}

const turned = (word: number, by: number) => (word >>> by) | (word << (32 - by));

/** Makes the words of all rounds of those of a block. */
function spread(block: DataView, words: Int32Array): void {
  const word = (index: number) => words[index] ?? 0;
  for (let i = 0; i < words.length; i++) {
    if (4 * i < BLOCK) words[i] = block.getInt32(4 * i);
    else {
      const [late, early] = [word(i - 2), word(i - 15)];
      const s0 = turned(early, 7) ^ turned(early, 18) ^ (early >>> 3);
      const s1 = turned(late, 17) ^ turned(late, 19) ^ (late >>> 10);
      words[i] = word(i - 16) + s0 + word(i - 7) + s1;
    }
  }
}

function mix(state: Int32Array, words: Int32Array): void {
  let [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = state;
  for (const [i, word] of words.entries()) {
    const s1 = turned(e, 6) ^ turned(e, 11) ^ turned(e, 25);
    const first = (h + s1 + ((e & f) ^ (~e & g)) + (ROUNDS[i] ?? 0) + word) | 0;
    const s0 = turned(a, 2) ^ turned(a, 13) ^ turned(a, 22);
    const second = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    [h, g, f, e, d, c, b, a] = [g, f, e, (d + first) | 0, c, b, a, (first + second) | 0];
  }
  for (const [i, word] of [a, b, c, d, e, f, g, h].entries()) state[i] = (state[i] ?? 0) + word;
}
