/** The torture suite in its short form: a few trials of each part. The server's are in a test of their own. */

import { afterAll, describe, expect, it } from "vitest";
import { itWith, openMpi } from "../support/mpi.ts";
import { CommandHost } from "../support/program.ts";
import { clients } from "./clients.ts";
import { tmpfs } from "./full-disk.ts";
import type { Part } from "./part.ts";
import { parts } from "./parts.ts";
import { ranks } from "./ranks.ts";
import { torture } from "./suite.ts";

/** One process for what all parts prepare: to load the program takes longer than a command. */
const host = new CommandHost();

afterAll(() => host.close());

/** Makes all trials of a part. The seed is always the same, so that a change is what makes a test fail; `TORTURE_SEED=7 npx vitest run test/torture` tries another. */
async function survives(part: Part): Promise<void> {
  const seed = Number(process.env["TORTURE_SEED"] ?? 1);
  const { failures, done, count, counts } = await torture(part, { seed, host, short: true });
  console.info(`${part.name}: ${done} trials, seed ${seed}: ${JSON.stringify(counts)}`);
  expect(failures, `seed ${seed}`).toEqual([]);
  expect(done).toBe(count);
  // Only a machine that lets nobody make a small disk has none of those.
  if (part !== tmpfs) expect(done).toBeGreaterThan(0);
}

describe("a few trials of", () => {
  it.each(parts.filter((part) => part !== clients && part !== ranks).map((part) => [part.name, part] as const))(
    "%s",
    (_, part) => survives(part),
  );

  itWith(openMpi, ranks.name, () => survives(ranks));
});
