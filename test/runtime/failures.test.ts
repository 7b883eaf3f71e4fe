import { expect, it } from "vitest";
import { UserError } from "../../src/errors.ts";
import { BreakdownError, explain, reasonOf } from "../../src/runtime/failures.ts";

/** What ONNX Runtime 1.30 threw: on WebAssembly, on WebGPU in a browser, and on the CPU in Node. */
const noMemory = [
  "failed to call OrtRun(). ERROR_CODE: 6, ERROR_MESSAGE: std::bad_alloc",
  "failed to call OrtRun(). ERROR_CODE: 1, ERROR_MESSAGE: WebGPU validation failed. Buffer size (1600000000) exceeds the max buffer size limit (1073741824).\n - While calling [Device].CreateBuffer([BufferDescriptor]).",
  "Non-zero status code returned while running Add node. Status Message: bfc_arena.cc:405 void* onnxruntime::BFCArena::AllocateRawInternal(size_t, bool) Failed to allocate memory for requested buffer of size 6400000000",
];

it.each(noMemory)("tells what to do where memory is short: %s", (message) => {
  const failure = explain(new Error(message), {}, false);
  expect(failure).toBeInstanceOf(UserError);
  expect(failure.message).toMatch(
    /^there is not enough memory on the device \([^\n]+\); take a smaller model, batch or training\.microBatch$/,
  );
});

it("tells a breakdown from a failure of one run", () => {
  expect(explain(new TypeError("M(...) is not a function"), {}, true)).toBeInstanceOf(BreakdownError);
  const failure = explain(new Error("Got invalid dimensions"), {}, false);
  expect(failure).not.toBeInstanceOf(UserError);
  expect(failure.message).toBe("ONNX Runtime failed: Got invalid dimensions\n  inputs: ");
});

it("finds the reason behind codes and places", () => {
  expect(reasonOf(new Error(noMemory[0]))).toBe("std::bad_alloc.");
  expect(reasonOf(new Error("/a/b.cc:136 Ort::Env f(int) adapter was false. There is no adapter.\nmore"))).toBe(
    "There is no adapter.",
  );
});
