/**
 * WebGPU without a GPU: Debian's `chromium` package brings a software Vulkan driver and the loader it needs. The loader reads
 * its environment when a process starts, so these tests run in a child process: this file once more, with the driver set.
 */

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { graph, input, mul, symbol } from "../../src/tensor/index.ts";
import { entry, fromHost, run, toHost, useDevice } from "../support/device.ts";
import { checkOperator } from "../support/operator.ts";
import { operatorCases } from "../support/operator-cases.ts";
import { pattentionStep } from "../support/programs.ts";
import { expectClose, integers, normal, values } from "../support/values.ts";

const CHROMIUM = "/usr/lib/chromium";
const DRIVER = `${CHROMIUM}/vk_swiftshader_icd.json`;

if (process.env["VK_ICD_FILENAMES"] === DRIVER) describe("WebGPU", webgpuTests);
else {
  // It compiles for a long time on a busy machine.
  it("works on a software driver", { timeout: 600_000 }, async ({ skip }) => {
    if (!existsSync(DRIVER)) return skip(`there is no ${DRIVER}: install Debian's chromium package`);
    const vitest = fileURLToPath(new URL("../../node_modules/vitest/vitest.mjs", import.meta.url));
    // Its error shows the tests that failed.
    await promisify(execFile)(process.execPath, [vitest, "run", fileURLToPath(import.meta.url)], {
      env: { ...process.env, VK_ICD_FILENAMES: DRIVER, LD_LIBRARY_PATH: CHROMIUM },
    });
  });
}

function webgpuTests(): void {
  const [cpu, webgpu] = [useDevice("cpu"), useDevice("webgpu")];

  it("gives the values and gradients of the cpu", async () => {
    const inputs = {
      x: normal("x", [3, 5]),
      keys: normal("keys", [11, 5]),
      values: normal("values", [11, 7]),
      tau: values([], [Math.sqrt(11)]),
    };
    const step = pattentionStep(symbol("B"), symbol("P"));
    const [expected, actual] = [await run(cpu(), step, inputs), await run(webgpu(), step, inputs)];
    for (const name of Object.keys(step) as (keyof typeof step)[]) {
      expectClose(actual[name], expected[name], 1e-4, name);
    }
  });

  it("keeps outputs on the device, which can be fed back", async () => {
    const program = await webgpu().compile(graph("doubler", { y: mul(input("x", [symbol("N")]), 2) }));
    const first = await program.run({ x: toHost(values([3], [1, 2, 3])) });
    const second = await program.run({ x: entry(first.tensors, "y") });
    expect(second.values).toEqual({});
    const y = entry(second.tensors, "y");
    expect(fromHost(await webgpu().download(y))).toEqual(values([3], [4, 8, 12]));
    await webgpu().dispose([...Object.values(first.tensors), y]);
    await expect(program.run({ x: y })).rejects.toThrow("was disposed or never existed");
  });

  it.each([normal("float32", [2, 3, 5]), integers("int32", [2, 3, 5], 2 ** 31 - 1)])(
    "uploads and downloads $dtype",
    async (original) => {
      expect(fromHost(await webgpu().download(await webgpu().upload(toHost(original))))).toEqual(original);
    },
  );

  // Its products and exponentials round a little more than the CPU's.
  describe("operators", () => {
    it.each(operatorCases.map((check) => [`${check.operator}: ${check.title}`, check] as const))(
      "%s",
      async (_, check) => {
        await checkOperator(webgpu(), check, { slack: 10 });
      },
    );
  });
}
