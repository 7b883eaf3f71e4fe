#!/usr/bin/env node
/**
 * The program. It is built into few files, which load in a third of the time of its modules. A model or a growth strategy of one's own
 * imports the library's modules, though, and the program that is to know it must be made of the same.
 */

const namesOwn = process.argv.some((word) => /^--(?:model|strategy)(?:=|$)/.test(word));
const { runProgram }: typeof import("./program.ts") = await (namesOwn
  ? import(new URL("./program.js", import.meta.url).href)
  : import("./program.ts"));
await runProgram();
