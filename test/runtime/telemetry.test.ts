import { tmpdir } from "node:os";
import { expect, it } from "vitest";
import { startProcess } from "../support/command-line.ts";

const runtime = JSON.stringify(new URL("../../dist/runtime/index.js", import.meta.url).href);
const tensor = JSON.stringify(new URL("../../dist/tensor/index.js", import.meta.url).href);

const OPEN_A_MODEL = `
  import { openDevice } from ${runtime};
  import { graph, input, mul } from ${tensor};
  const device = await openDevice("cpu", { threads: 1 });
  const x = input("x", [3]);
  await device.compile(graph("squares", { y: mul(x, x) }));
  await device.close();
  process.stdout.write(process.env.ORT_DISABLE_TELEMETRY);
`;

const open = (...args: readonly string[]) =>
  startProcess(["--input-type=module", "-e", OPEN_A_MODEL, ...args], tmpdir()).outcome;

it("opens models without telemetry", async () => {
  expect(await open()).toEqual({ code: 0, stdout: "1", stderr: "" });
});

it("opens models under command lines of any length", async () => {
  // One argument may have up to 128 KiB on Linux, all together 2 MiB; the telemetry of ONNX Runtime ended at 15 kB.
  expect(await open(...Array.from({ length: 9 }, () => "x".repeat(100_000)))).toMatchObject({ code: 0, stderr: "" });
});
