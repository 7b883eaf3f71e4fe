/**
 * Each time that it is loaded, runs the built program on a disk with space for so many changes alone. Its arguments: the first change for
 * which there is none, a file that takes the number of changes at the end, and those of the program.
 */

import process from "node:process";
import { disk, writeFileSync } from "./full-disk.js";

const [at, countFile] = process.argv.splice(2, 2);
disk.changes = 0;
disk.at = Number(at);
// Before others are told that the command is done.
process.prependOnceListener("beforeExit", () => {
  disk.at = Number.POSITIVE_INFINITY;
  writeFileSync(countFile, String(disk.changes));
});
await import(`../../dist/cli/main.js${new URL(import.meta.url).search}`);
