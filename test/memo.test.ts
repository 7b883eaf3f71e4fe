import { expect, it } from "vitest";
import { Memo } from "../src/memo.ts";

it("makes a value once, tries again what failed, and gives what there is", async () => {
  const memo = new Memo<number>();
  const made: string[] = [];
  const make = (key: string, value: number | Error) => async () => {
    made.push(key);
    if (typeof value !== "number") throw value;
    return value;
  };
  await expect(memo.get("a", make("a", new Error("no memory")))).rejects.toThrow("no memory");
  expect(await Promise.all([memo.get("a", make("a", 1)), memo.get("a", make("a", 2))])).toEqual([1, 1]);
  const failing = memo.get("b", make("b", new Error("no memory")));
  const drained = memo.drain();
  await expect(failing).rejects.toThrow("no memory");
  expect(await drained).toEqual([1]);
  expect(await memo.drain()).toEqual([]);
  expect(await memo.get("a", make("a", 3))).toBe(3);
  expect(made).toEqual(["a", "a", "b", "a"]);
});
