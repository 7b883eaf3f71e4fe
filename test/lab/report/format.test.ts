import { describe, expect, test } from "vitest";
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatFlops,
  formatInteger,
  formatLoss,
  formatRate,
  formatScientific,
  formatShare,
} from "../../../src/lab/report/index.ts";

describe("formatCount", () => {
  test.each([
    [0, "0"],
    [7, "7"],
    [0.5, "0.5"],
    [999, "999"],
    [999.4, "999"],
    [999.6, "1 k"],
    [1000, "1 k"],
    [12_345, "12.3 k"],
    [999_499, "999 k"],
    [999_999, "1 M"],
    [1_060_000, "1.06 M"],
    [124_000_000, "124 M"],
    [1_540_000_000, "1.54 B"],
    [3e12, "3 T"],
    [3e15, "3000 T"],
    [-1500, "−1.5 k"],
  ])("%d is %s", (count, text) => expect(formatCount(count)).toBe(text));
});

describe("formatDuration", () => {
  test.each([
    [0, "0 s"],
    [0.0042, "4.2 ms"],
    [0.85, "850 ms"],
    [0.9996, "1 s"],
    [1, "1 s"],
    [12.34, "12.3 s"],
    [59.94, "59.9 s"],
    [59.99, "1 min"],
    [60, "1 min"],
    [102.4, "1 min 42 s"],
    [119.6, "2 min"],
    [3599.6, "1 h"],
    [7500, "2 h 5 min"],
    [86_399, "1 d"],
    [97_200, "1 d 3 h"],
    [-102, "−1 min 42 s"],
  ])("%d s is %s", (seconds, text) => expect(formatDuration(seconds)).toBe(text));
});

test("rates, operations and bytes have their units", () => {
  expect(formatRate(12_345, "tokens")).toBe("12.3 k tokens/s");
  expect(formatRate(12, "steps")).toBe("12 steps/s");
  expect(formatFlops(999)).toBe("999 FLOP");
  expect(formatFlops(2.5e9)).toBe("2.5 GFLOP");
  expect(formatFlops(9.999e14)).toBe("1 PFLOP");
  expect(formatBytes(512)).toBe("512 B");
  expect(formatBytes(1_500_000)).toBe("1.5 MB");
  expect(formatBytes(999_999)).toBe("1 MB");
});

test("losses have three decimals, huge ones a power of ten", () => {
  expect(formatLoss(1.4)).toBe("1.400");
  expect(formatLoss(99_999)).toBe("99999.000");
  expect(formatLoss(3.2e20)).toBe("3.2 × 10²⁰");
});

test("scientific notation has true superscripts", () => {
  expect(formatScientific(2.14e-6)).toBe("2.1 × 10⁻⁶");
  expect(formatScientific(9.99e-7)).toBe("1 × 10⁻⁶");
  expect(formatScientific(0)).toBe("0");
  expect(formatScientific(-5e12)).toBe("−5 × 10¹²");
});

test("whole numbers and shares", () => {
  expect(formatInteger(12_500)).toBe("12,500");
  expect(formatShare(0.213)).toBe("21%");
  expect(formatShare(0.001)).toBe("< 1%");
  expect(formatShare(0)).toBe("0%");
  expect(formatShare(1)).toBe("100%");
});
