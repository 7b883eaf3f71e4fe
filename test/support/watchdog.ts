/**
 * A thread that ends a process of tests whose event loop stands still: no time limit of a test reaches a loop that is endless, or a
 * process that is waited for and does not end. It says which test it was, and the run of all tests ends instead of waiting for ever.
 */

import { Worker } from "node:worker_threads";
import { beforeEach, expect } from "vitest";

/** Milliseconds after which a standstill is one: far longer than any test takes. */
const PATIENCE = 600_000;

/** Bytes of the name of a test. */
const NAME = 1000;

declare global {
  /** What the watchdog of this process, which files of tests share, is told: signs of life, the length of a name, and the name. */
  var watchdog: { readonly signs: Int32Array; readonly name: Uint8Array } | undefined;
}

const PROGRAM = `
const { writeSync } = require("node:fs");
const { workerData: { signs, name, patience } } = require("node:worker_threads");
for (;;) {
  const before = Atomics.load(signs, 0);
  Atomics.wait(signs, 2, 0, patience);
  if (Atomics.load(signs, 0) !== before) continue;
  const test = new TextDecoder().decode(name.slice(0, Atomics.load(signs, 1)));
  writeSync(2, "\\nthe process of this test stood still, and is ended: " + test + "\\n");
  process.kill(process.pid, "SIGKILL");
}`;

function start() {
  const signs = new Int32Array(new SharedArrayBuffer(12));
  const name = new Uint8Array(new SharedArrayBuffer(NAME));
  const workerData = { signs, name, patience: PATIENCE };
  new Worker(PROGRAM, { eval: true, workerData, env: {}, execArgv: [] }).unref();
  setInterval(() => Atomics.add(signs, 0, 1), PATIENCE / 20).unref();
  return { signs, name };
}

globalThis.watchdog ??= start();
const { signs, name } = globalThis.watchdog;

const tell = (test: string) => Atomics.store(signs, 1, new TextEncoder().encodeInto(test, name).written);

tell(expect.getState().testPath ?? "a file of tests");
beforeEach(({ task }) => void tell(`${task.file.name} > ${task.name}`));
