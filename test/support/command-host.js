/**
 * Runs commands of the built program one after the other in this process, so that a test of many commands loads the program once.
 *
 * Each is waited for as a process of its own would be: until nothing is left to do. What it wrote is between two marks that it came
 * with, on both streams. One that ends the process ends it here too.
 */

import process from "node:process";
import { pathToFileURL } from "node:url";

const main = pathToFileURL(process.argv[2] ?? "").href;
let runs = 0;

process.on("message", ({ args, folder, mark }) => {
  const listening = listeners();
  process.chdir(folder);
  process.argv.splice(1, Number.POSITIVE_INFINITY, process.argv[1] ?? "", ...args);
  process.exitCode = undefined;
  write(mark);
  // Without this handle the loop runs empty once the command is done.
  process.channel?.unref();
  process.once("beforeExit", () => {
    // A program that ends leaves its listeners to nobody; the next one adds its own.
    for (const [emitter, name, listener] of listeners()) {
      if (!listening.some((known) => known[2] === listener)) emitter.off(name, listener);
    }
    const code = process.exitCode ?? 0;
    process.exitCode = undefined;
    write(mark);
    process.channel?.ref();
    process.send?.(code);
  });
  // The program runs as it is loaded; what it is made of is loaded once.
  runs += 1;
  void import(`${main}?${runs}`);
});

function write(mark) {
  process.stdout.write(mark);
  process.stderr.write(mark);
}

function listeners() {
  return [process, process.stdout, process.stderr].flatMap((emitter) =>
    emitter.eventNames().flatMap((name) => emitter.rawListeners(name).map((listener) => [emitter, name, listener])),
  );
}
