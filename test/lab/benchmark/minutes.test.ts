import { expect, it } from "vitest";
import { runBenchmark } from "../../../src/lab/benchmark/index.ts";

it("begins nothing once its minutes are over, says so, and reports what there is", async () => {
  const lines: string[] = [];
  const measured = await runBenchmark({
    parts: ["steps", "limits", "growth", "scaling"],
    sizes: ["lecture"],
    large: false,
    rounds: 2,
    minutes: 0,
    program: "",
    note: (line) => lines.push(line),
  });
  expect(measured).toEqual({ steps: [], limits: [], growth: [], scaling: [] });
  expect(lines.filter((line) => !line.startsWith("no time is left for "))).toEqual([]);
  expect(lines).toContain("no time is left for matrix products of lecture");
  expect(lines).toContain("no time is left for growth: mini, twice the tokens");
  expect(lines.filter((line) => line.includes("layers"))).toHaveLength(5);
});
