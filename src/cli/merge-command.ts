/** `tokenformer merge`: makes skills part of a run. */

import { Command } from "commander";
import { hasCheckpoint } from "../checkpoint/index.ts";
import { UserError } from "../errors.ts";
import { formatCount } from "../lab/report/format.ts";
import { countParameters } from "../model/index.ts";
import { mergeSkills } from "../skills/index.ts";
import { noCheckpoint, notePatches, type WithOptions, withOption } from "./open.ts";
import { note, print, printJson } from "./output.ts";

interface Options extends WithOptions {
  readonly to: string;
  readonly json: boolean;
}

export const mergeCommand = () =>
  new Command("merge")
    .argument("<run>", "folder of a run or checkpoint")
    .addOption(withOption())
    .requiredOption("--to <folder>", "where the run goes that has the skills")
    .option("--json", "print what there is as JSON", false)
    .action(runMerge);

async function runMerge(run: string, { with: skills = [], to, json }: Options): Promise<void> {
  if (skills.length === 0) throw new UserError("--with: no skill is given; name the folder of one, or more");
  if (!(await hasCheckpoint(run))) throw await noCheckpoint(run);
  const checkpoint = await mergeSkills({ from: run, skills, to });
  notePatches(checkpoint);
  const { config, step } = checkpoint.state;
  const { total } = countParameters(config);
  if (json) printJson({ to, skills, step, parameters: total });
  else print(`${run} with ${skills.join(", ")}: ${formatCount(total)} parameters at step ${step}`);
  note(`saved to ${to}; write with: tokenformer sample ${to} --prompt "…"`);
}
