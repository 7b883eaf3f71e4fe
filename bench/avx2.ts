/** Benchmarks with AVX2 alone on a processor that has more. */

import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ownInstructions } from "tokenformer/benchmark";
import { preloading } from "./mkl.ts";
import { endAt } from "./options.ts";

/**
 * Runs this program again, with AVX-512 hidden from it and from all that it starts, and ends as it does. Returns where
 * it is hidden, or where there is none. Ends it where AVX-512 cannot be hidden: without a C compiler, outside Linux on
 * x64, or where CPUID cannot be trapped, as on AMD's.
 */
export function hideAvx512(): void {
  const instructions = ownInstructions();
  if (instructions === "AVX2") return;
  if (instructions === undefined || process.arch !== "x64") endAt("--avx2: needs Linux on x64, with AVX2");
  if (process.env["LD_PRELOAD"]?.includes("hide-avx512") === true)
    endAt("--avx2: this processor or kernel does not let CPUID be trapped, so AVX-512 cannot be hidden");
  const folder = mkdtempSync(join(tmpdir(), "avx2-"));
  process.on("exit", () => rmSync(folder, { recursive: true }));
  const library = join(folder, "hide-avx512.so");
  compile(fileURLToPath(new URL("../bench/hide-avx512.c", import.meta.url)), library);
  const { status } = spawnSync(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
    env: {
      ...process.env,
      ...preloading(library),
      // What torch.compile keeps of a run with AVX-512 does not go with one without, nor the other way round.
      TORCHINDUCTOR_CACHE_DIR: join(folder, "inductor"),
    },
    stdio: "inherit",
  });
  process.exit(status ?? 1);
}

function compile(source: string, library: string): void {
  const { error, stderr } = spawnSync("cc", ["-O2", "-shared", "-fPIC", source, "-o", library, "-ldl"], {
    encoding: "utf8",
  });
  if (error !== undefined) endAt(`--avx2: needs a C compiler, cc (${error.message})`);
  if (!existsSync(library)) endAt(`--avx2: cc cannot compile bench/hide-avx512.c: ${stderr.trim().split("\n")[0]}`);
}
