/** Benchmarks with AVX2 alone on a processor that has more. */

import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ownInstructions } from "tokenformer/benchmark";
import { preloading } from "./mkl.ts";

/**
 * Runs this program again, with AVX-512 hidden from it and from all that it starts, and ends as it does. Returns where
 * it is hidden, or where there is none. Throws an Error where it cannot be hidden: without a C compiler, outside Linux
 * on x64, or where the kernel does not trap CPUID.
 */
export function hideAvx512(): void {
  const instructions = ownInstructions();
  if (instructions === "AVX2") return;
  if (instructions === undefined || process.arch !== "x64") throw new Error("--avx2: needs Linux on x64, with AVX2");
  if (process.env["LD_PRELOAD"]?.includes("hide-avx512") === true)
    throw new Error("--avx2: this system does not let CPUID be trapped, so AVX-512 cannot be hidden");
  const folder = mkdtempSync(join(tmpdir(), "avx2-"));
  try {
    const library = join(folder, "hide-avx512.so");
    const source = fileURLToPath(new URL("../bench/hide-avx512.c", import.meta.url));
    execFileSync("cc", ["-O2", "-shared", "-fPIC", source, "-o", library, "-ldl"]);
    const { status } = spawnSync(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
      env: {
        ...process.env,
        ...preloading(library),
        // What torch.compile keeps of a run with AVX-512 does not go with one without, nor the other way round.
        TORCHINDUCTOR_CACHE_DIR: join(folder, "inductor"),
      },
      stdio: "inherit",
    });
    process.exitCode = status ?? 1;
  } finally {
    rmSync(folder, { recursive: true });
  }
  process.exit();
}
