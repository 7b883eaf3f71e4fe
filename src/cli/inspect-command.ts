/** `tokenformer inspect`: what a checkpoint is. */

import { Command } from "commander";
import { countParameters, forwardFlops, trainingFlopsPerToken } from "../model/index.ts";
import { formatCount, formatFlops } from "../report/format.ts";
import { checkpointOf } from "./open.ts";
import { print, printJson, printTable } from "./output.ts";

export const inspectCommand = () =>
  new Command("inspect")
    .description("configuration, parameters by group, costs and the lineage of the parameter tokens")
    .argument("<run>", "folder of a run or checkpoint")
    .option("--json", "print everything as JSON", false)
    .action(runInspect);

async function runInspect(run: string, { json }: { readonly json: boolean }): Promise<void> {
  const { config, state, progress, tokenizer, dataName } = await checkpointOf(run);
  const model = state.config;
  const parameters = countParameters(model);
  const flopsPerToken = { forward: forwardFlops(model) / model.context, training: trainingFlopsPerToken(model) };
  const lineage = Object.fromEntries(state.lineage);
  if (json) {
    const vocabulary = { size: tokenizer.vocabularySize, kind: tokenizer.kind };
    printJson({
      step: state.step,
      data: dataName,
      config,
      parameters,
      flopsPerToken,
      vocabulary,
      lineage,
      ramps: state.ramps,
      progress,
    });
    return;
  }
  print(`${model.type} at step ${state.step}, trained on ${dataName}`);
  print();
  print(JSON.stringify(config, null, 2));
  print();
  printTable(
    Object.entries(parameters).map(([group, count]) => [group, formatCount(count), count.toLocaleString("en")]),
  );
  print(`  ${formatFlops(flopsPerToken.forward)} a token forward, ${formatFlops(flopsPerToken.training)} training`);
  if (state.lineage.size === 0) return;
  print();
  print("parameter tokens, by the step at which they were born:");
  printTable(
    [...state.lineage].map(([site, generations]) => [
      site,
      generations.map(({ tokens, born, init }) => `${tokens} (${init}${born > 0 ? ` at ${born}` : ""})`).join(" + "),
    ]),
  );
}
