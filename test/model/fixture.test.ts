/** A checkpoint in the published layout, with what an independent float64 implementation makes of it. */

import { join } from "node:path";
import { beforeAll, expect, it } from "vitest";
import { z } from "zod";
import { loadCheckpoint } from "../../src/checkpoint/index.ts";
import { readJson, readSafetensors } from "../../src/formats/index.ts";
import type { HostArray } from "../../src/growth/index.ts";
import { importCheckpoint } from "../../src/published/index.ts";
import { publishedName } from "../../src/published/names.ts";
import { required } from "../../src/required.ts";
import { useDevice } from "../support/device.ts";
import { useSharedFolder } from "../support/folder.ts";
import { evaluated, lossGradients } from "../support/models.ts";
import { expectClose, type Values, values } from "../support/values.ts";

const device = useDevice();
const folder = new URL("../fixtures/tokenformer-l2-norm-gelu", import.meta.url).pathname;
const fixture = (file: string) => join(folder, file);

const at = useSharedFolder();
beforeAll(async () => importCheckpoint({ from: folder, to: at("run") }));

const expectedSchema = z.object({
  input_ids: z.array(z.array(z.int())),
  target_ids: z.array(z.array(z.int())),
  loss: z.number(),
});

async function load() {
  const { tensors: results } = await readSafetensors(fixture("expected.safetensors"));
  const expected = await readJson(fixture("expected.json"), expectedSchema);
  const { config, parameters } = (await loadCheckpoint(at("run"))).state;
  const batch = {
    tokens: Int32Array.from(expected.input_ids.flat()),
    targets: Int32Array.from(expected.target_ids.flat()),
    sequences: 2,
    context: 16,
  };
  return { weights: { config, parameters }, batch, results, loss: expected.loss };
}

function float({ shape, data }: { shape: readonly number[]; data: ArrayLike<number | bigint> }): HostArray {
  return { shape, data: Float32Array.from(Array.from<number | bigint, number>(data, Number)) };
}

const asValues = (tensor: Parameters<typeof float>[0]): Values => values(tensor.shape, [...float(tensor).data]);

it("gives its logits and its loss", async () => {
  const { weights, batch, results, loss } = await load();
  const found = await evaluated(device(), weights, batch);
  expectClose(found.logits, asValues(required(results, "logits")), 1e-5);
  expect(Math.abs(found.loss - loss)).toBeLessThan(1e-5 * loss);
});

it("gives every gradient", async () => {
  const { weights, batch, results } = await load();
  const found = await lossGradients(device(), weights, batch);
  expect(found.size).toBe(results.size - 1); // all but the logits
  for (const [name, gradient] of found) {
    expectClose(gradient, asValues(required(results, `grad.${publishedName(name, 2)}`)), 1e-5, name);
  }
});
