import { expect, it } from "vitest";
import { openRun } from "../../src/training/index.ts";
import { entry, useDevice } from "../support/device.ts";
import { expectClose, values } from "../support/values.ts";
import { corpus, lossesOf, measured, ofType, tinyConfig } from "./support.ts";

const device = useDevice();

/** What a run of three updates measures, and where the parameters are then. */
async function outcome(microBatch: number) {
  const run = await openRun({ config: tinyConfig({ steps: 3, microBatch }), data: corpus, device: device() });
  const events = [];
  for await (const event of run.events()) events.push(event);
  const { parameters } = await run.state();
  await run.close();
  const steps = ofType(events, "step").map(measured);
  return { losses: lossesOf(events), norms: steps.map(({ gradientNorm }) => gradientNorm), parameters };
}

// The batch has five sequences: passes of 1, of 2, 2 and 1, of 3 and 2, and all at once (as with more than there are).
it.each([1, 2, 3, 7])("the updates of micro-batches of %d are those of the whole batch", async (microBatch) => {
  const [whole, parts] = [await outcome(5), await outcome(microBatch)];
  expect(parts.losses).toHaveLength(3);
  parts.losses.forEach((loss, index) => {
    expect(loss).toBeCloseTo(whole.losses[index] ?? Number.NaN, 6);
    expect(parts.norms[index]).toBeCloseTo(whole.norms[index] ?? Number.NaN, 5);
  });
  for (const [name, { shape, data }] of parts.parameters) {
    const expected = entry(Object.fromEntries(whole.parameters), name);
    // Adam divides by the root of the second moment: where that is near zero, roundings of the sum grow.
    expectClose(values(shape, [...data]), values(expected.shape, [...expected.data]), 1e-4, name);
  }
});
