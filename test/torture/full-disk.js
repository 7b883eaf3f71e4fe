/**
 * A disk that is full from a certain change on that the program makes to it, which is the test's to say. What writes data writes half of
 * it first. It is in effect from when this module is loaded.
 */

import sync from "node:fs";
import files from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import process from "node:process";

/** Changes so far, and the first for which there is no space. */
export const disk = { changes: 0, at: Number.POSITIVE_INFINITY };

/** Writes a file beside all limits. */
export const { writeFileSync } = sync;

function isFull() {
  disk.changes += 1;
  return disk.changes >= disk.at;
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
    if (disk.changes === disk.at) await original.call(this, file, half(data));
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
