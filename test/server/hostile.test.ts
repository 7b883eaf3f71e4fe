import { expect, it } from "vitest";
import { clients } from "../torture/clients.ts";
import { torture } from "../torture/suite.ts";

it("answers every good request among hostile clients, and keeps nothing of them", async () => {
  const { failures, counts } = await torture(clients, { seed: 1, short: true });
  expect(failures).toEqual([]);
  expect(counts["good requests among hostile clients"]).toBeGreaterThan(0);
});
