import { expect, it } from "vitest";
import assemble from "watr/compile";
import { ADAMW_PROGRAM } from "../../src/optimizer/adamw-program.ts";
import { ADAMW_WASM } from "../../src/optimizer/adamw-wasm.ts";

it("the assembled program of AdamW is that of its text: otherwise run `npm run build && npm run generate:adamw`", () => {
  expect(ADAMW_WASM).toBe(Buffer.from(assemble(ADAMW_PROGRAM)).toString("base64"));
});
