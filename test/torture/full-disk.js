/**
 * Loaded before a program: the disk is full from the n-th change on that the program makes to it, n being `FULL_AT`. What writes
 * data writes half of it first. With `FULL_COUNT` the number of changes is written to that file at the end instead.
 */

import sync from "node:fs";
import files from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import process from "node:process";

const at = Number(process.env.FULL_AT ?? Number.POSITIVE_INFINITY);
const countFile = process.env.FULL_COUNT;
const { writeFileSync } = sync;
let changes = 0;

function isFull() {
  changes += 1;
  return changes >= at;
}

function full(call) {
  return Object.assign(new Error(`ENOSPC: no space left on device, ${call}`), {
    code: "ENOSPC",
    errno: -28,
    syscall: call,
  });
}

/** Half of what is to be written, where that is known. */
function half(data) {
  return typeof data === "string" || ArrayBuffer.isView(data)
    ? Buffer.from(data.buffer ?? data).subarray(0, data.length / 2)
    : "";
}

/** Replaces a method that answers with a promise. */
function limit(owner, name, { counts = () => true, before = async () => undefined } = {}) {
  const original = owner[name];
  owner[name] = async function limited(...args) {
    if (!counts(...args) || !isFull()) return original.apply(this, args);
    await before.call(this, original, ...args);
    throw full(name);
  };
}

const writes = (_path, flags = "r") => typeof flags !== "string" || /[wax+]/.test(flags);
const writeHalf = {
  async before(original, file, data) {
    if (changes === at) await original.call(this, file, half(data));
  },
};

const handle = await files.open(process.execPath, "r");
const prototype = Object.getPrototypeOf(handle);
await handle.close();

for (const name of ["mkdir", "mkdtemp", "rename", "copyFile", "cp", "truncate"]) limit(files, name);
limit(files, "open", { counts: writes });
limit(files, "writeFile", writeHalf);
limit(files, "appendFile", writeHalf);
for (const name of ["write", "writev", "writeFile", "appendFile", "sync", "datasync", "truncate"])
  limit(prototype, name);

for (const name of ["mkdirSync", "openSync", "writeFileSync", "appendFileSync", "renameSync", "copyFileSync"]) {
  const original = sync[name];
  sync[name] = (...args) => {
    if ((name === "openSync" && !writes(...args)) || !isFull()) return original(...args);
    throw full(name);
  };
}
// Of streams.
for (const name of ["write", "writev"]) {
  const original = sync[name];
  sync[name] = (...args) => {
    if (!isFull()) return original(...args);
    process.nextTick(args.at(-1), full(name));
  };
}
syncBuiltinESMExports();

if (countFile !== undefined) process.on("exit", () => writeFileSync(countFile, String(changes)));
