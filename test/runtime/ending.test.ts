/**
 * A process may end at any moment, also while a thread of its devices loads a library of the system, or calls it, which would abort it:
 * where nothing waits for that, in one of sixty of the longer ones here.
 */

import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, it } from "vitest";
import { ROOT, startProcess } from "../support/program.ts";

it.concurrent.each([
  ...[7, 23, 31, 41, 53].map((wait) => ({ wait, programs: 1 })),
  ...[131, 229, 311].map((wait) => ({ wait, programs: 397 })),
])("ends $wait ms after a device was told to compile $programs in place", async ({ wait, programs }) => {
  const program = `
    import { openDevice } from "tokenformer";
    import { graph, input, mul } from "tokenformer/tensor";
    const device = await openDevice("cpu", { threads: 1 });
    for (let factor = 2; factor < 2 + ${programs}; factor++) {
      const outputs = { y: mul(input("x", [7]), factor) };
      device.compile(graph("product", outputs), { download: [], inPlace: true }).catch(() => undefined);
    }
    setTimeout(() => process.exit(3), ${wait});`;
  const { code, stderr } = await startProcess(["--input-type=module", "--eval", program], ROOT).outcome;
  expect({ code, stderr }).toEqual({ code: 3, stderr: "" });
});

it("waits for a thread that is in koffi, which may go further in; no other may enter", async () => {
  const program = `
    import { getEnvironmentData } from "node:worker_threads";
    import { enterKoffi } from "${pathToFileURL(join(ROOT, "dist/native-library.js"))}";
    const leave = enterKoffi();
    // As where the process ends meanwhile. What fails further in would be taken for a koffi that is not there.
    Atomics.store(getEnvironmentData("tokenformer: threads in koffi"), 1, 1);
    enterKoffi()();
    console.log("was further in");
    leave();
    enterKoffi();`;
  const { code, stdout, stderr } = await startProcess(["--input-type=module", "--eval", program], ROOT).outcome;
  expect({ code, stdout }).toEqual({ code: 1, stdout: "was further in\n" });
  expect(stderr).toContain("Error: internal: this thread is about to be ended\n");
});
