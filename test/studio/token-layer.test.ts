/** The layer of the studio's picture. */

import fc from "fast-check";
import { expect, it } from "vitest";
import { type SmallToken, tokenLayer } from "../../studio/src/page/home/token-layer.ts";

it("computes the paper's equation", () => {
  // GELU(1) and GELU(−1).
  expect(tokenLayer([1, 0], [{ key: [3, 7], value: 2 }], 1)).toEqual({
    weights: [expect.closeTo(0.841345, 5)],
    output: expect.closeTo(1.68269, 5),
  });
  // Scores 3 and −4 of norm 5, with τ = √2: GELU(0.848528) and GELU(−1.131371).
  const tokens: SmallToken[] = [
    { key: [0, 3], value: 1 },
    { key: [9, -4], value: -1 },
  ];
  expect(tokenLayer([0, 1], tokens, 2).weights).toEqual([expect.closeTo(0.680459, 5), expect.closeTo(-0.14589, 5)]);
});

const channel = fc.double({ min: -3, max: 3, noNaN: true });
const token = fc.record({ key: fc.tuple(channel, channel), value: channel });

it("answers the same with any tokens more whose keys are zeros", () => {
  const tokens = fc.array(token, { minLength: 1, maxLength: 7 });
  fc.assert(
    fc.property(fc.tuple(channel, channel), tokens, channel, (input, old, value) => {
      const more = [...old, { key: [0, 0] as const, value }];
      expect(tokenLayer(input, more, old.length).output).toBe(tokenLayer(input, old, old.length).output);
    }),
  );
});
