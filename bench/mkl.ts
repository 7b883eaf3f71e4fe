/** Which vector instructions PyTorch's matrix products use, and how to have them use those that we use. */

import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** A way to run PyTorch. */
export interface Terms {
  readonly instructions: string;
  /** Variables of the environment in which it runs like that. */
  readonly environment: Readonly<Record<string, string>>;
}

/** Prints operations per second of a product on one core, by the time of the processor alone. */
const PROGRAM = `
import time, torch
torch.set_num_threads(1)
a = torch.rand(768, 768)
def once():
    begun = time.process_time()
    torch.mm(a, a)
    return time.process_time() - begun
print(2 * 768**3 / min(once() for _ in range(12)))
`;

/** Twice as wide instructions make products at least so many times as fast, also where they lower the clock. */
const WIDER = 1.3;

const rateOf = (python: string, environment: Terms["environment"]) =>
  Number(execFileSync(python, ["-c", PROGRAM], { env: { ...process.env, ...environment }, encoding: "utf8" }));

/** MKL uses all that Intel's own processors have. It does not say what it uses on others; on AMD's with AVX-512 it keeps to AVX2. */
function asInstalled(ours: string | undefined): Terms {
  const isIntel = readFileSync("/proc/cpuinfo", "utf8").includes("GenuineIntel");
  return { instructions: isIntel && ours !== undefined ? ours : "AVX2", environment: {} };
}

/** The environment in which programs load a library before all others, and what this program has loaded so after it. */
export const preloading = (library: string) => ({ LD_PRELOAD: [library, process.env["LD_PRELOAD"] ?? ""].join(" ") });

/**
 * The ways to run PyTorch that are to be compared: first one with the instructions that we use, if there is one, then as it is
 * installed. With a library of one function, which a C compiler makes in `folder`, MKL believes that it is on a processor of Intel's;
 * whether that has changed anything is measured.
 */
export function termsOf(
  python: string,
  ours: string | undefined,
  folder: string,
  note: (line: string) => void,
): Terms[] {
  if (ours === undefined) return [{ instructions: "unknown", environment: {} }];
  const installed = asInstalled(ours);
  note(`instructions: ours ${ours}, PyTorch's as it is installed ${installed.instructions}`);
  if (installed.instructions === ours) return [installed];
  try {
    const [source, library] = [join(folder, "vendor.c"), join(folder, "vendor.so")];
    writeFileSync(source, "int mkl_serv_intel_cpu_true(void) { return 1; }\n");
    execFileSync("cc", ["-shared", "-fPIC", "-o", library, source]);
    const environment = preloading(library);
    const faster = rateOf(python, environment) / rateOf(python, {});
    note(`with MKL allowed ${ours} its products are ${faster.toFixed(2)} times as fast`);
    if (faster >= WIDER) return [{ instructions: ours, environment }, installed];
  } catch (error) {
    note(`no equal terms: ${error instanceof Error ? error.message : String(error)}`);
  }
  return [installed];
}
