#!/usr/bin/env node
/**
 * The program. It is built into few files, which load in less than half the time of its modules. A model or a growth strategy of one's own
 * imports the library's modules, though, and the program that is to know it must be made of the same.
 */

const words = [...process.argv, ...process.execArgv, ...(process.env["NODE_OPTIONS"] ?? "").split(/\s+/)];
const namesOwn = words.some((word) =>
  /^(?:--(?:model|strategy|import|require|(?:experimental-)?loader)(?:=|$)|-r)/.test(word),
);
const { runProgram }: typeof import("./program.ts") = await (namesOwn
  ? import(new URL("./program.js", import.meta.url).href)
  : import("./program.ts"));
await runProgram();
