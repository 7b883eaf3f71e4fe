/**
 * Reads Python's pickles, of protocols 2 to 5, as far as `torch.save` writes them. Nothing that a pickle names is run or
 * imported: a name stands for what the caller's allow-list gives for it, and every other one is refused.
 *
 * Values: None is null; bool, int (beyond 2^53 a bigint), float, str and bytes are what JavaScript has for them; a tuple is an array, a list a
 * {@link PickleList}, a dict a Map. Source: the opcodes as `pickletools` in Python's library documents them.
 */

import { UserError } from "../../errors.ts";
import { PickleMachine } from "./pickle-machine.ts";

export { PickleFunction, PickleList, PickleNothing } from "./pickle-machine.ts";

/** What a pickle may refer to. */
export interface PickleContext {
  /** The file, for messages. */
  readonly file: string;
  /** What each allowed global stands for, by its dotted name such as `collections.OrderedDict`. */
  readonly globals: ReadonlyMap<string, unknown>;
  /** What any other name stands for. Default: it is refused. */
  readonly other?: unknown;
  /** What a persistent id stands for. */
  persistent(id: unknown): unknown;
}

/** What an opcode does. */
type Operation = (machine: PickleMachine, context: PickleContext) => void;

const operations: ReadonlyMap<number, Operation> = new Map<number, Operation>([
  [0x80, (m) => m.protocol()], // PROTO
  [0x95, (m) => m.skip(8)], // FRAME: a length that only helps reading ahead
  // Constants
  [0x4e, (m) => m.push(null)], // NONE
  [0x88, (m) => m.push(true)], // NEWTRUE
  [0x89, (m) => m.push(false)], // NEWFALSE
  [0x4a, (m) => m.push(m.int32())], // BININT
  [0x4b, (m) => m.push(m.unsigned(1))], // BININT1
  [0x4d, (m) => m.push(m.unsigned(2))], // BININT2
  [0x8a, (m) => m.push(m.long(m.unsigned(1)))], // LONG1
  [0x47, (m) => m.push(m.float())], // BINFLOAT
  [0x58, (m) => m.push(m.text(m.unsigned(4)))], // BINUNICODE
  [0x8c, (m) => m.push(m.text(m.unsigned(1)))], // SHORT_BINUNICODE
  [0x8d, (m) => m.push(m.text(m.unsigned(8)))], // BINUNICODE8
  [0x42, (m) => m.push(m.take(m.unsigned(4)))], // BINBYTES
  [0x43, (m) => m.push(m.take(m.unsigned(1)))], // SHORT_BINBYTES
  // Collections
  [0x28, (m) => m.mark()], // MARK
  [0x29, (m) => m.push([])], // EMPTY_TUPLE
  [0x74, (m) => m.push(m.popToMark())], // TUPLE
  [0x85, (m) => m.push(m.popMany(1))], // TUPLE1
  [0x86, (m) => m.push(m.popMany(2))], // TUPLE2
  [0x87, (m) => m.push(m.popMany(3))], // TUPLE3
  [0x5d, (m) => m.pushList()], // EMPTY_LIST
  [0x61, (m) => m.append(m.popMany(1))], // APPEND
  [0x65, (m) => m.append(m.popToMark())], // APPENDS
  [0x7d, (m) => m.push(new Map())], // EMPTY_DICT
  [0x73, (m) => m.setItems(m.popMany(2))], // SETITEM
  [0x75, (m) => m.setItems(m.popToMark())], // SETITEMS
  // Memory
  [0x71, (m) => m.put(m.unsigned(1))], // BINPUT
  [0x72, (m) => m.put(m.unsigned(4))], // LONG_BINPUT
  [0x94, (m) => m.memoize()], // MEMOIZE
  [0x68, (m) => m.get(m.unsigned(1))], // BINGET
  [0x6a, (m) => m.get(m.unsigned(4))], // LONG_BINGET
  // Objects
  [0x63, (m, context) => m.push(allowed(`${m.line()}.${m.line()}`, context))], // GLOBAL
  [0x93, (m, context) => m.push(allowed(m.popName(), context))], // STACK_GLOBAL
  [0x51, (m, context) => m.push(context.persistent(m.popMany(1)[0]))], // BINPERSID
  [0x52, (m) => m.reduce()], // REDUCE
  [0x81, (m) => m.reduce()], // NEWOBJ: an object of a class that is named, made without running anything
  [0x62, (m) => m.build()], // BUILD
]);

const STOP = 0x2e;

/**
 * The value that a pickle holds.
 * @throws UserError where it is damaged, names what is not allowed, or uses an opcode that weights have no need of
 */
export function readPickle(bytes: Uint8Array, context: PickleContext): unknown {
  return readPickles(bytes, context, 1).values[0];
}

/** The values of a number of pickles one after another, and where the last of them ends. Throws as `readPickle`. */
export function readPickles(
  bytes: Uint8Array,
  context: PickleContext,
  count: number,
): { readonly values: readonly unknown[]; readonly end: number } {
  const values: unknown[] = [];
  let end = 0;
  while (values.length < count) {
    const machine = new PickleMachine(bytes.subarray(end), context.file);
    values.push(resultOf(machine, context));
    end += machine.position;
  }
  return { values, end };
}

function resultOf(machine: PickleMachine, context: PickleContext): unknown {
  for (;;) {
    const opcode = machine.unsigned(1);
    if (opcode === STOP) return machine.result();
    const operation = operations.get(opcode);
    if (operation === undefined) {
      throw machine.fault(
        `has the opcode 0x${opcode.toString(16).padStart(2, "0")}, which plain weights have no need of`,
      );
    }
    operation(machine, context);
  }
}

function allowed(name: string, { file, globals, other }: PickleContext): unknown {
  if (globals.has(name)) return globals.get(name);
  if (other !== undefined) return other;
  throw new UserError(
    `${file}: names the Python object ${JSON.stringify(name)}, expected only those that tensors are made of; nothing of it was run: save the state_dict alone with torch.save`,
  );
}
