/** The torture suite in its short form: a few trials of each part. The server's and those of ranks are in tests of their own. */

import { afterAll, describe, expect, it } from "vitest";
import { CommandHost } from "../support/program.ts";
import { parts } from "./parts.ts";
import { torture } from "./suite.ts";

/** One process for what all parts prepare: to load the program takes longer than a command. */
const host = new CommandHost();

afterAll(() => host.close());

/** The seed is always the same, so that a change is what makes a test fail; `TORTURE_SEED=7 npx vitest run test/torture` tries another. */
describe("a few trials of", () => {
  it.each(parts.filter(({ name }) => name !== "clients" && name !== "ranks").map((part) => [part.name, part] as const))(
    "%s",
    async (_, part) => {
      const seed = Number(process.env["TORTURE_SEED"] ?? 1);
      const { failures, done, count, counts } = await torture(part, { seed, host, short: true });
      console.info(`${part.name}: ${done} trials, seed ${seed}: ${JSON.stringify(counts)}`);
      expect(failures, `seed ${seed}`).toEqual([]);
      expect(done).toBe(count);
    },
  );
});
