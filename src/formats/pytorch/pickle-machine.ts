/** The stack machine that a pickle is a program for, and the reading of its operands. */

import { messageOf, UserError } from "../../errors.ts";

/** A Python list. */
export class PickleList {
  readonly items: unknown[] = [];
}

/** What an allowed name does when a pickle calls it. */
export class PickleFunction {
  readonly call: (args: readonly unknown[]) => unknown;

  constructor(call: (args: readonly unknown[]) => unknown) {
    this.call = call;
  }
}

/** Stands for a Python object that is nothing to us, whatever a pickle does with it. */
export class PickleNothing extends PickleFunction {
  constructor() {
    super(() => this);
  }
}

const HIGHEST_PROTOCOL = 5;

export class PickleMachine {
  readonly #file: string;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #stack: unknown[] = [];
  /** Heights of the stack at which marks stand. */
  readonly #marks: number[] = [];
  readonly #memo = new Map<number, unknown>();
  #position = 0;

  /** @param file for messages */
  constructor(bytes: Uint8Array, file: string) {
    this.#file = file;
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** The error for a pickle that is not what it should be. */
  fault(what: string): UserError {
    return new UserError(
      `${this.#file}: its pickle ${what} (near byte ${this.#position}); it is damaged or holds more than weights: copy it again, or save the state_dict alone with torch.save`,
    );
  }

  /** The bytes that have been read. */
  get position(): number {
    return this.#position;
  }

  skip(length: number): void {
    this.take(length);
  }

  take(length: number): Uint8Array {
    const start = this.#position;
    if (length > this.#bytes.length - start) throw this.fault("ends early");
    this.#position += length;
    return this.#bytes.subarray(start, start + length);
  }

  /** A little-endian number of 1, 2, 4 or 8 bytes; beyond 2^53 it is larger than any length or number may be. */
  unsigned(bytes: 1 | 2 | 4 | 8): number {
    return this.take(bytes).reduceRight((sum, byte) => sum * 256 + byte, 0);
  }

  int32(): number {
    this.skip(4);
    return this.#view.getInt32(this.#position - 4, true);
  }

  float(): number {
    this.skip(8);
    return this.#view.getFloat64(this.#position - 8);
  }

  /** A whole number in two's complement. */
  long(length: number): number | bigint {
    const hexadecimal = Buffer.from(this.take(length).toReversed()).toString("hex");
    const value = length === 0 ? 0n : BigInt.asIntN(8 * length, BigInt(`0x${hexadecimal}`));
    return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  }

  text(length: number): string {
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(this.take(length));
    } catch (error) {
      throw error instanceof UserError ? error : this.fault(`has text that is not UTF-8: ${messageOf(error)}`);
    }
  }

  /** Text up to a line end. */
  line(): string {
    const end = this.#bytes.indexOf(0x0a, this.#position);
    if (end < 0) throw this.fault("ends early");
    const text = this.text(end - this.#position);
    this.skip(1);
    return text;
  }

  protocol(): void {
    const protocol = this.unsigned(1);
    if (protocol > HIGHEST_PROTOCOL) throw this.fault(`has protocol ${protocol}, expected up to ${HIGHEST_PROTOCOL}`);
  }

  push(value: unknown): void {
    this.#stack.push(value);
  }

  pushList(): void {
    this.push(new PickleList());
  }

  mark(): void {
    this.#marks.push(this.#stack.length);
  }

  popToMark(): unknown[] {
    const mark = this.#marks.pop();
    if (mark === undefined) throw this.fault("lacks a mark");
    return this.#stack.splice(mark);
  }

  popMany(count: number): unknown[] {
    if (this.#stack.length - (this.#marks.at(-1) ?? 0) < count) throw this.fault("takes more values than it has");
    return this.#stack.splice(-count);
  }

  /** The dotted name that two texts make. */
  popName(): string {
    const [module, name] = this.popMany(2);
    if (typeof module !== "string" || typeof name !== "string") throw this.fault("names an object by what is no text");
    return `${module}.${name}`;
  }

  result(): unknown {
    return this.popMany(1)[0];
  }

  put(index: number): void {
    this.#memo.set(index, this.#top());
  }

  memoize(): void {
    this.put(this.#memo.size);
  }

  get(index: number): void {
    if (!this.#memo.has(index)) throw this.fault(`recalls a value ${index} that it never kept`);
    this.push(this.#memo.get(index));
  }

  append(items: readonly unknown[]): void {
    const list = this.#top();
    if (list instanceof PickleNothing) return;
    if (!(list instanceof PickleList)) throw this.fault("appends to what is no list");
    for (const item of items) list.items.push(item);
  }

  setItems(items: readonly unknown[]): void {
    const dictionary = this.#top();
    if (dictionary instanceof PickleNothing) return;
    if (!(dictionary instanceof Map) || items.length % 2 !== 0) throw this.fault("sets items of what is no dict");
    for (let index = 0; index < items.length; index += 2) dictionary.set(items[index], items[index + 1]);
  }

  reduce(): void {
    const [called, args] = this.popMany(2);
    if (!(called instanceof PickleFunction) || !Array.isArray(args)) throw this.fault("calls what is no function");
    this.push(called.call(args));
  }

  /** Attributes of an ordered dict, such as the `_metadata` of a state_dict, say nothing about weights. */
  build(): void {
    this.popMany(1);
    const top = this.#top();
    if (!(top instanceof Map || top instanceof PickleNothing)) throw this.fault("sets the state of what is no dict");
  }

  #top(): unknown {
    if (this.#stack.length <= (this.#marks.at(-1) ?? 0)) throw this.fault("takes more values than it has");
    return this.#stack.at(-1);
  }
}
