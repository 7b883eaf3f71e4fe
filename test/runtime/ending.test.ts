/** A process may end at any moment, also while a thread of its devices loads a library of the system, which would abort it. */

import { expect, it } from "vitest";
import { ROOT, startProcess } from "../support/program.ts";

it.concurrent.each([7, 23, 31, 41, 53])("ends %d ms after a device was told to compile in place", async (wait) => {
  const program = `
    import { openDevice } from "tokenformer";
    import { graph, input, mul } from "tokenformer/tensor";
    const device = await openDevice("cpu", { threads: 1 });
    const compiling = device.compile(graph("doubled", { y: mul(input("x", [7]), 2) }), { download: [], inPlace: true });
    compiling.catch(() => undefined);
    setTimeout(() => process.exit(3), ${wait});`;
  const { code, stderr } = await startProcess(["--input-type=module", "--eval", program], ROOT).outcome;
  expect({ code, stderr }).toEqual({ code: 3, stderr: "" });
});
