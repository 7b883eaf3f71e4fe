/** Runs programs one after the other in one process, each as if it were started alone: most of what a process takes is its start. */

import { pathToFileURL } from "node:url";

/** Before what each program prints. */
const MARK = "\u0000";

for (const [file, ...args] of JSON.parse(process.argv[2] ?? "[]")) {
  process.stdout.write(MARK);
  process.argv = [process.execPath, file, ...args];
  await import(pathToFileURL(file).href);
}
