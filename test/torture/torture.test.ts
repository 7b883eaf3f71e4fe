/** The torture suite in its short form: a few trials of each part. The server's are in a test of their own. */

import { describe, expect, it } from "vitest";
import { parts } from "./parts.ts";
import { torture } from "./suite.ts";

describe("a few trials of", () => {
  it.each(parts.filter(({ name }) => name !== "clients").map((part) => [part.name, part] as const))(
    "%s",
    async (_, part) => {
      const seed = Math.floor(Math.random() * 2 ** 32);
      const { failures, done, count, counts } = await torture(part, { seed, short: true });
      console.info(`${part.name}: ${done} trials, seed ${seed}: ${JSON.stringify(counts)}`);
      expect(failures, `seed ${seed}`).toEqual([]);
      expect(done).toBe(count);
    },
  );
});
