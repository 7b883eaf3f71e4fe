import { createHash } from "node:crypto";
import { expect, it } from "vitest";
import { contentChange, contentOf } from "../../src/data/index.ts";
import { memoryTokens } from "../../src/text/index.ts";

const sourceOf = (length: number, idAt: (index: number) => number) =>
  memoryTokens(Uint32Array.from({ length }, (_, index) => idAt(index)));

const hashOf = (ids: readonly number[]) => {
  const bytes = new DataView(new ArrayBuffer(4 * ids.length));
  for (const [index, id] of ids.entries()) bytes.setUint32(4 * index, id, true);
  return createHash("sha256").update(bytes).digest("hex");
};

it("data is known by the numbers of its tokens and by their hashes", () => {
  const content = contentOf({ train: sourceOf(7, (index) => 3 * index), validation: sourceOf(2, () => 70_000) });
  expect(content).toEqual({
    train: { tokens: 7, hash: hashOf([0, 3, 6, 9, 12, 15, 18]) },
    validation: { tokens: 2, hash: hashOf([70_000, 70_000]) },
  });
});

it("of long data the first and the last tokens count, and what is between them evenly", () => {
  const length = 2 ** 22 + 12_345;
  const validation = sourceOf(1, () => 0);
  const with1At = (place: number) =>
    contentOf({ train: sourceOf(length, (index) => Number(index === place)), validation });
  const without = with1At(-1);
  expect(without.train.tokens).toBe(length);
  for (const place of [0, 2 ** 16 - 1, 2 ** 21, length - 1])
    expect(with1At(place).train.hash).not.toBe(without.train.hash);
});

it("a change is told in words", () => {
  const content = (train: number, hash: string, held: string) => ({
    train: { tokens: train, hash },
    validation: { tokens: 3, hash: held },
  });
  const before = content(20, "a", "b");
  expect(contentChange(before, content(20, "a", "b"))).toBeUndefined();
  expect(contentChange(before, content(21, "c", "b"))).toBe(
    "has 21 tokens to train on and 3 held out, and had 20 and 3",
  );
  expect(contentChange(before, content(20, "c", "d"))).toBe("has other tokens than before");
  expect(contentChange(before, content(20, "a", "d"))).toBe("holds out other tokens than before");
});
