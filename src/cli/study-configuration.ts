/** The configuration of a study: a preset or a file, changed by `--set` and by options of their own. */

import { parseBy } from "../configuration/index.ts";
import { UserError } from "../errors.ts";
import { readJson } from "../formats/index.ts";
import { armIds, type StudyConfig, studyPresets, studySchema } from "../lab/study/index.ts";
import { suggestion } from "../suggestion.ts";
import { assignAll } from "./configuration.ts";

export interface StudyConfigurationOptions {
  readonly preset?: string;
  /** A JSON file, instead of a preset. */
  readonly config?: string;
  /** Changes such as `ladder.0.steps=200`, in order. */
  readonly set: readonly string[];
  readonly seeds?: number;
  /** Names of arms, separated by commas. */
  readonly arms?: string;
}

/** Builds and checks the configuration of a study. Throws a `UserError` that names the key. */
export async function studyConfigOf(options: StudyConfigurationOptions): Promise<StudyConfig> {
  const { value, where } = await startingPoint(options);
  const changed = assignAll(value, [
    ...options.set,
    ...(options.seeds === undefined ? [] : [`seeds=${options.seeds}`]),
    ...(options.arms === undefined ? [] : [`arms=${JSON.stringify(armsOf(options.arms))}`]),
  ]);
  return parseBy(studySchema, changed, where, "tokenformer study presets --json");
}

async function startingPoint({ preset, config }: StudyConfigurationOptions) {
  if (config !== undefined && preset !== undefined) {
    throw new UserError("--preset and --config: both are given; leave one out, or start from the preset in the file");
  }
  if (config !== undefined) return { value: await readJson(config), where: config };
  const name = preset ?? "mini";
  const found = Object.entries(studyPresets).find(([key]) => key === name);
  if (found !== undefined) return { value: found[1], where: "the configuration" };
  const names = Object.keys(studyPresets);
  throw new UserError(
    `--preset ${name}: there is no such study${suggestion(name, names)} Choose one of ${names.join(", ")}`,
  );
}

function armsOf(text: string): string[] {
  const names = text.split(",").map((name) => name.trim());
  for (const name of names) {
    if (armIds.some((id) => id === name)) continue;
    throw new UserError(
      `--arms ${name}: there is no such arm${suggestion(name, armIds)} Choose among ${armIds.join(", ")}`,
    );
  }
  return names;
}
