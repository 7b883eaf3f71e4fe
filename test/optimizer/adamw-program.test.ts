import { expect, it } from "vitest";
import assemble from "watr/compile";
import { adamwProgram } from "../../src/optimizer/adamw-program.ts";
import { ADAMW_SHARED_WASM } from "../../src/optimizer/adamw-shared-wasm.ts";
import { ADAMW_WASM } from "../../src/optimizer/adamw-wasm.ts";

it("the assembled programs of AdamW are those of their text: otherwise run `npm run build && npm run generate:adamw`", () => {
  const assembled = (memory: "own" | "shared") => Buffer.from(assemble(adamwProgram(memory))).toString("base64");
  expect(ADAMW_WASM).toBe(assembled("own"));
  expect(ADAMW_SHARED_WASM).toBe(assembled("shared"));
});
