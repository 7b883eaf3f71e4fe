/** The vector instructions of this machine that ONNX Runtime's products use. */

import { readFileSync } from "node:fs";

/**
 * From what the processor has, and what is hidden of it (bench/hide-avx512.c): "AVX-512", "AVX2", or undefined where
 * Linux does not tell.
 */
export function ownInstructions(flags: string | undefined = processorFlags()): string | undefined {
  if (flags === undefined) return undefined;
  const words = new Set(flags.split(/\s+/));
  const isHidden = process.env["AVX512_HIDDEN"] !== undefined;
  return words.has("avx512f") && !isHidden ? "AVX-512" : words.has("avx2") ? "AVX2" : undefined;
}

function processorFlags(): string | undefined {
  try {
    return /^flags\s*:(.*)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1];
  } catch {
    return undefined; // not Linux
  }
}
