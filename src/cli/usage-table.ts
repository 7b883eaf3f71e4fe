/** How `inspect` shows the use of parameter tokens. */

import {
  type GenerationUsage,
  type GenerationUse,
  measureUsage,
  tokenGradientNorms,
  usageByGeneration,
} from "../analysis/index.ts";
import { dataOf } from "../checkpoint/index.ts";
import { UserError } from "../errors.ts";
import { formatShare } from "../lab/report/format.ts";
import { sites } from "../model/index.ts";
import type { DeviceName } from "../runtime/index.ts";
import { type OpenedRun, tokenizerOf, validationOf, withCorpus, withModel } from "./open.ts";
import { print, printTable } from "./output.ts";

/** What was measured, and on what. */
export interface MeasuredUsage {
  readonly data: string;
  readonly tokens: number;
  readonly usage: GenerationUsage;
}

/**
 * The use of a checkpoint's parameter tokens on the beginning of a text's validation split, as long as that of the run's
 * evaluations; gradients are those of the first batch.
 * @throws UserError for a model without parameter tokens, and for a text without tokens
 */
export async function usageOf(
  checkpoint: OpenedRun,
  options: { readonly data?: string; readonly tokenizer?: string; readonly device: DeviceName },
): Promise<MeasuredUsage> {
  const { state } = checkpoint;
  const { type } = state.config;
  if (type !== "tokenformer") {
    throw new UserError(
      `--usage: measures the parameter tokens of a tokenformer, and this is a ${type}; leave the option out`,
    );
  }
  const tokenizer = await tokenizerOf(checkpoint, options.tokenizer);
  const { batches, name } = await withCorpus(dataOf(options.data, checkpoint), tokenizer, (corpus) => ({
    batches: validationOf(corpus, checkpoint),
    name: corpus.name,
  }));
  const usage = await withModel(checkpoint, options.device, async (inference) =>
    usageByGeneration(
      sites(state.config),
      state.lineage,
      await measureUsage(inference, batches),
      await tokenGradientNorms(inference, batches[0]),
    ),
  );
  const tokens = batches.reduce((sum, batch) => sum + batch.sequences * batch.context, 0);
  return { data: name, tokens, usage };
}

/** The use as plain JSON. */
export function usageJson({ data, tokens, usage: { kinds, layers, all } }: MeasuredUsage) {
  return { data, tokens, kinds: Object.fromEntries(kinds), layers, all };
}

/** A table by kind of site. */
export function printUsage({ data, tokens, usage: { kinds, all } }: MeasuredUsage): void {
  print(`use of the parameter tokens on ${tokens} tokens of ${data}, validation split, by the step of their birth:`);
  printTable([
    ["site", "born", "tokens", "of tokens", "of mass", "of contribution", "gradient norm"],
    ...[...kinds, ["all", all] as const].flatMap(([kind, generations]) => rows(kind, generations)),
  ]);
  print("  mass is the mean weight |Θ(A)| of a token, contribution |Θ(A)| ‖V‖; gradients are of one batch's mean loss");
}

function rows(kind: string, generations: readonly GenerationUse[]): string[][] {
  return generations.map((use, index) => [
    index === 0 ? kind : "",
    `${use.init}${use.born > 0 ? ` at ${use.born}` : ""}`,
    String(use.tokens),
    formatShare(use.tokenShare),
    formatShare(use.massShare),
    formatShare(use.contributionShare),
    use.gradientNorm?.toPrecision(3) ?? "",
  ]);
}
