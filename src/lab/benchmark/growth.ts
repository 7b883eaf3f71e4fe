/** Growth through the paper's ladder of sizes, each in a process of its own. */

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { GrowthStage, GrowthTimes } from "./growth-task.ts";
import { ownArguments } from "./sides.ts";

export interface GrowthRow extends GrowthTimes {
  readonly name: string;
  /** Whether Adam's moments grew too. */
  readonly moments: boolean;
}

interface NamedStage extends GrowthStage {
  readonly name: string;
}

export const miniStage: NamedStage = {
  name: "mini, twice the tokens",
  preset: "mini",
  from: [128, 512],
  to: [256, 1024],
  moments: true,
  step: true,
};

/** The largest without moments and without a step: with them it would need more than 24 GB. */
export const largeStages: readonly NamedStage[] = [
  { name: "124M → 354M", preset: "124m", from: [576, 2304], to: [2140, 8560], moments: true, step: true },
  { name: "354M → 757M", preset: "124m", from: [2140, 8560], to: [4850, 19_400], moments: true, step: false },
  {
    name: "757M → 1.4B, weights alone",
    preset: "124m",
    from: [4850, 19_400],
    to: [8620, 34_480],
    moments: false,
    step: false,
  },
];

export async function measureGrowth(stage: NamedStage): Promise<GrowthRow> {
  const { name, moments, ...rest } = stage;
  const task = ownArguments("growth", JSON.stringify({ ...rest, moments }));
  const { stdout } = await promisify(execFile)(process.execPath, task);
  const times: GrowthTimes = JSON.parse(stdout);
  return { name, moments, ...times };
}
