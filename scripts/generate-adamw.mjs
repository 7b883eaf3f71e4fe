// Assembles the WebAssembly program of AdamW: `npm run generate:adamw`, after a build. A test compares the two.

import { writeFile } from "node:fs/promises";
import assemble from "watr/compile";
import { ADAMW_PROGRAM } from "../dist/optimizer/adamw-program.js";

const bytes = Buffer.from(assemble(ADAMW_PROGRAM)).toString("base64");
const target = new URL("../src/optimizer/adamw-wasm.ts", import.meta.url);
await writeFile(
  target,
  `/** The program of \`adamw-program.ts\`, assembled by \`npm run generate:adamw\`, in base64. */
export const ADAMW_WASM =
  "${bytes}";
`,
);
