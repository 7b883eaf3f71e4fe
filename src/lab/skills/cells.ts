/** The trainings of the study: each made once, kept in a folder, found there the next time. */

import { rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { hasCheckpoint, loadConfig, loadSummary } from "../../checkpoint/index.ts";
import { type Config, parseConfig } from "../../configuration/index.ts";
import { UserError } from "../../errors.ts";
import { fileExists, readJson, writeJson } from "../../formats/index.ts";
import { freeAll } from "../../freeing.ts";
import { Inference, uploadArrays } from "../../inference/index.ts";
import { countParameters, givenOf, modelOf, siteKinds } from "../../model/index.ts";
import type { Device } from "../../runtime/index.ts";
import { hasSkill, hasUnfinished, openAdaptation, openAttached, resumeAdaptation } from "../../skills/index.ts";
import { type Corpus, consecutiveBatches } from "../../text/index.ts";
import { openRun } from "../../training/index.ts";
import type { Run } from "../../training/portable.ts";
import type { SkillsStudy } from "./config.ts";
import type { Learned, Losses } from "./results.ts";

/** What the trainings share. */
export interface Workplace {
  readonly study: SkillsStudy;
  /** The base's text first. */
  readonly corpora: ReadonlyMap<string, Corpus>;
  /** The names of the files of each text. */
  readonly files: ReadonlyMap<string, readonly string[]>;
  readonly directory: string;
  readonly device: Device;
  readonly signal?: AbortSignal | undefined;
  /** Told of each training that is done: `made` where it was done now. */
  readonly onDone?: ((name: string, learned: Learned, made: boolean) => void) | undefined;
}

const learnedSchema = z.strictObject({
  seed: z.number(),
  parameters: z.number(),
  bytes: z.number(),
  seconds: z.number(),
  losses: z.record(z.string(), z.number()),
});

/** What is in a folder of the study, or is made there now. Undefined if it was interrupted. */
async function once(
  site: Workplace,
  name: string,
  make: (folder: string) => Promise<Learned | undefined>,
): Promise<Learned | undefined> {
  const file = join(folderOf(site, name), "result.json");
  const isThere = await fileExists(file);
  if (!isThere && site.signal?.aborted === true) return undefined;
  const learned = isThere ? readResult(file, await readJson(file)) : await make(folderOf(site, name));
  if (learned === undefined) return undefined;
  if (!isThere) await writeJson(file, learned);
  site.onDone?.(name, learned, !isThere);
  return learned;
}

function readResult(file: string, value: unknown): Learned {
  const parsed = learnedSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new UserError(`${file}: is not the result of a training; remove it, and the training is made again`);
}

export const folderOf = ({ directory }: Pick<Workplace, "directory">, name: string): string =>
  join(directory, "runs", name);

export const baseName = (seed: number) => `base-${seed}`;
export const skillName = (text: string, size: number, rate: number, seed: number) =>
  `skill-${text}-${size}-${rate}-${seed}`;

/** The base of a seed. */
export function base(site: Workplace, seed: number): Promise<Learned | undefined> {
  const { study, corpora } = site;
  const [data] = corpora.values();
  if (data === undefined) throw new Error("internal: a study without a text");
  return once(site, baseName(seed), async (out) => {
    const { model, tokenizer } = study;
    const config = parseConfig({ model, tokenizer, training: { ...study.base, seed } });
    return trainedRun(site, { config, data, out, resume: await hasCheckpoint(out) });
  });
}

/** All parameters of a model trained on, on another text. @param from the name of what it starts from */
export function fullyTuned(
  site: Workplace,
  { name, from, text, rate, seed }: { name: string; from: string; text: string; rate: number; seed: number },
): Promise<Learned | undefined> {
  return once(site, name, async (out) => {
    const start = folderOf(site, from);
    const { model, tokenizer } = await loadConfig(start);
    const training = { ...site.study.adapting, learningRate: rate, seed };
    const config = parseConfig({ model, tokenizer, training });
    const data = site.corpora.get(text);
    if (data === undefined) throw new Error(`internal: no text ${text}`);
    const resume = await hasCheckpoint(out);
    return trainedRun(site, { config, data, out, resume, ...(!resume && { from: start, restart: true }) });
  });
}

/** A skill of the base for a text. */
export function skill(
  site: Workplace,
  { text, size, rate, seed }: { text: string; size: number; rate: number; seed: number },
): Promise<Learned | undefined> {
  return once(site, skillName(text, size, rate, seed), async (to) => {
    const from = folderOf(site, baseName(seed));
    const { device } = site;
    // One that is finished and was not measured yet is made again.
    if ((await hasSkill(to)) && !(await hasUnfinished(to))) await rm(to, { recursive: true });
    const run = (await hasUnfinished(to))
      ? await resumeAdaptation({ from, to, device })
      : await openAdaptation({
          from,
          to,
          add: Object.fromEntries(siteKinds.map((kind) => [kind, size])),
          training: { ...site.study.adapting, learningRate: rate, seed },
          data: { train: site.files.get(text) ?? [] },
          device,
        });
    const spent = await finished(run, site.signal);
    if (spent === undefined) return undefined;
    const losses = await lossesOf(site, from, [to]);
    const { size: bytes } = await stat(join(to, "skill.safetensors"));
    return { seed, parameters: spent.learning, bytes, seconds: spent.seconds, losses };
  });
}

async function trainedRun(
  site: Workplace,
  options: {
    readonly config: Config;
    readonly data: Corpus;
    readonly out: string;
    readonly resume: boolean;
    readonly from?: string;
    readonly restart?: boolean;
  },
): Promise<Learned | undefined> {
  const run = await openRun({ ...options, device: site.device });
  const spent = await finished(run, site.signal);
  if (spent === undefined) return undefined;
  const { size: bytes } = await stat(join(options.out, "model.safetensors"));
  const losses = await lossesOf(site, options.out, []);
  return { seed: options.config.training.seed, parameters: spent.learning, bytes, seconds: spent.seconds, losses };
}

/** Trains to the end. Undefined if it was interrupted. */
async function finished(run: Run, signal: AbortSignal | undefined) {
  try {
    for await (const event of run.events(signal)) if (event.type === "end" && event.interrupted) return undefined;
    return { seconds: run.progress.seconds, learning: run.trainer.learning };
  } finally {
    await run.close();
  }
}

/** The held-out losses of a run with skills on every text. */
export async function lossesOf(site: Workplace, run: string, skills: readonly string[]): Promise<Losses> {
  const { device, corpora, study } = site;
  const opened = await openAttached(run, skills);
  try {
    const { config } = opened.summary.state;
    const parameters = await uploadArrays(device, opened.parameters());
    const inference = new Inference(device, modelOf(config), parameters, givenOf(config));
    const maxTokens = study.heldOutTokens || Number.POSITIVE_INFINITY;
    try {
      const losses: Record<string, number> = {};
      for (const [name, { validation }] of corpora) {
        const batches = consecutiveBatches(validation, { context: config.context, maxTokens });
        losses[name] = (await inference.evaluate(batches)).loss;
      }
      return losses;
    } finally {
      await freeAll(
        () => inference.release(),
        () => device.dispose(parameters.values()),
      );
    }
  } finally {
    await opened.close();
  }
}

/** The parameters of a base. */
export async function parametersOfBase(site: Workplace, seed: number): Promise<number> {
  const { state } = await loadSummary(folderOf(site, baseName(seed)));
  return countParameters(state.config).total;
}
