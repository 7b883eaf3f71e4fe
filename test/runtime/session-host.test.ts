/** What a device keeps of ONNX Runtime, where that fails. */

import * as runtime from "onnxruntime-node";
import { expect, it } from "vitest";
import { SessionHost } from "../../src/runtime/session-host.ts";

it("tries again what was not compiled, and frees all sessions though one cannot be", async () => {
  let [opened, released, failing] = [0, 0, true];
  const host = new SessionHost({
    runtime: {
      env: runtime.env,
      Tensor: runtime.Tensor,
      InferenceSession: {
        create: async () => {
          if (failing) throw new Error("no memory for a session");
          const number = ++opened;
          const tensor = new runtime.Tensor("float32", Float32Array.of(number), [1]);
          return {
            inputNames: [],
            outputNames: [],
            inputMetadata: [],
            outputMetadata: [],
            startProfiling: () => {},
            endProfiling: () => {},
            run: async () => ({ y: tensor }),
            release: async () => {
              released++;
              if (number === 1) throw new Error("this one stays");
            },
          };
        },
      },
    },
    cpuIsCertain: true,
    isBreakdown: () => false,
    provider: (kind) => kind,
    identity: () => Promise.resolve(new Uint8Array()),
    remedy: () => "",
    ownKernel: () => Promise.reject(new Error("there are no kernels of its own")),
  });
  const tensor = { dtype: "float32", shape: [1], data: Float32Array.of(1) } as const;
  await expect(host.open({ device: "webgpu", threads: 1, buffers: [7, 11] })).rejects.toThrow(
    "no memory for a session",
  );
  failing = false;
  await host.open({ device: "webgpu", threads: 1, buffers: [7, 11] });
  expect(await host.upload({ tensor })).toBe(7);
  expect(await host.upload({ tensor })).toBe(8);
  failing = true;
  await expect(host.upload({ tensor: { ...tensor, shape: [1, 1] } })).rejects.toThrow("no memory for a session");
  expect(opened).toBe(2);
  await expect(host.close()).rejects.toThrow("this one stays");
  expect(released).toBe(2);
});
