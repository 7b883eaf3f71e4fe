// Assembles the WebAssembly program of AdamW: `npm run generate:adamw`, after a build. A test compares them.

import { writeFile } from "node:fs/promises";
import assemble from "watr/compile";
import { adamwProgram } from "../dist/optimizer/adamw-program.js";

/** The program for a memory as a module that exports it by a name. */
async function generate(memory, file, name, doc) {
  const bytes = Buffer.from(assemble(adamwProgram(memory))).toString("base64");
  const target = new URL(`../src/optimizer/${file}.ts`, import.meta.url);
  await writeFile(target, `/** ${doc} */\nexport const ${name} =\n  "${bytes}";\n`);
}

const how = "assembled by `npm run generate:adamw`, in base64.";
await generate(
  "own",
  "adamw-wasm",
  "ADAMW_WASM",
  `The program of \`adamw-program.ts\` for a thread's own memory, ${how}`,
);
await generate(
  "shared",
  "adamw-shared-wasm",
  "ADAMW_SHARED_WASM",
  `The program of \`adamw-program.ts\` for shared memory, ${how}`,
);
