import { availableParallelism } from "node:os";
import { afterEach, expect, it, vi } from "vitest";
import { openDevice } from "../../src/runtime/index.ts";

afterEach(() => vi.unstubAllEnvs());

const cores = availableParallelism();

it.each([
  ["3", 3],
  ["5,2", 5],
  ["", cores],
  ["0", cores],
  ["many", cores],
])("a device has the threads that OMP_NUM_THREADS=%s asks for", async (asked, threads) => {
  vi.stubEnv("OMP_NUM_THREADS", asked);
  const device = await openDevice("cpu");
  expect(device.threads).toBe(threads);
  await device.close();
});
