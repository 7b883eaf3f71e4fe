/** Writes pickles of protocol 2, as far as checkpoints need them. */

/** What can be pickled: arrays become tuples, objects dicts. */
export type Picklable =
  | number
  | string
  | boolean
  | null
  | PickleCode
  | readonly Picklable[]
  | { readonly [key: string]: Picklable };

/** Opcodes that push one value. */
export class PickleCode {
  readonly bytes: Uint8Array;

  constructor(...parts: readonly Uint8Array[]) {
    this.bytes = Buffer.concat(parts);
  }
}

/** A whole pickle. */
export function writePickle(value: Picklable): Uint8Array {
  return Buffer.concat([Buffer.from([0x80, 2]), pickled(value), Buffer.from(".")]); // PROTO, STOP
}

/** The object of a dotted name, such as `torch.FloatStorage`. */
export function pickledGlobal(name: string): PickleCode {
  const dot = name.lastIndexOf(".");
  return new PickleCode(Buffer.from(`c${name.slice(0, dot)}\n${name.slice(dot + 1)}\n`)); // GLOBAL
}

/** What calling the object of a dotted name gives. */
export function pickledCall(name: string, args: readonly Picklable[]): PickleCode {
  return new PickleCode(pickledGlobal(name).bytes, pickled(args), Buffer.from("R")); // REDUCE
}

/** What a persistent id stands for. */
export function pickledReference(id: Picklable): PickleCode {
  return new PickleCode(pickled(id), Buffer.from("Q")); // BINPERSID
}

/** The opcodes that push a value. */
export function pickled(value: Picklable): Uint8Array {
  if (value instanceof PickleCode) return value.bytes;
  if (value === null) return Buffer.from("N");
  switch (typeof value) {
    case "boolean":
      return Buffer.from([value ? 0x88 : 0x89]);
    case "number":
      return pickledNumber(value);
    case "string":
      return withLength("X", Buffer.from(value)); // BINUNICODE
    default:
      return isTuple(value)
        ? Buffer.concat([Buffer.from("("), ...value.map(pickled), Buffer.from("t")]) // MARK … TUPLE
        : Buffer.concat([Buffer.from("}("), ...Object.entries(value).flat().map(pickled), Buffer.from("u")]); // … SETITEMS
  }
}

/** A whole number, as BININT or, beyond 32 bits, as LONG1. */
function pickledNumber(value: number): Uint8Array {
  if (!Number.isSafeInteger(value)) throw new Error(`internal: ${value} is not pickled here, only whole numbers are`);
  const short = value === (value | 0);
  const buffer = Buffer.alloc(short ? 5 : 10);
  buffer.set(short ? [0x4a] : [0x8a, 8]);
  if (short) buffer.writeInt32LE(value, 1);
  else buffer.writeBigInt64LE(BigInt(value), 2);
  return buffer;
}

function withLength(opcode: string, bytes: Uint8Array): Uint8Array {
  const start = Buffer.from(`${opcode}0000`);
  start.writeUInt32LE(bytes.length, 1);
  return Buffer.concat([start, bytes]);
}

function isTuple(value: readonly Picklable[] | { readonly [key: string]: Picklable }): value is readonly Picklable[] {
  return Array.isArray(value);
}
