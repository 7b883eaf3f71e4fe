/** `tokenformer presets`: the named configurations. */

import { Command } from "commander";
import { parseConfig, presetNames, presets } from "../configuration/index.ts";
import { formatCount, formatFlops } from "../lab/report/format.ts";
import { countParameters, trainingFlopsPerToken } from "../model/index.ts";
import { print, printJson, printTable } from "./output.ts";

/** The vocabulary that counts are given for where the data decides it: characters of plain English. */
const CHARACTERS = 65;

export const presetsCommand = () =>
  new Command("presets").option("--json", "print them as JSON", false).action(runPresets);

function runPresets({ json }: { readonly json: boolean }): void {
  const rows = presetNames.map((name) => {
    const config = parseConfig(presets[name].config, name);
    const model = { ...config.model, vocabulary: config.model.vocabulary ?? CHARACTERS };
    return {
      name,
      doc: presets[name].doc,
      config,
      parameters: countParameters(model),
      flopsPerToken: trainingFlopsPerToken(model),
    };
  });
  if (json) {
    printJson(rows);
    return;
  }
  printTable([
    ["preset", "parameters", "training cost a token", "context", ""],
    ...rows.map(({ name, parameters, flopsPerToken, config }) => [
      name,
      formatCount(parameters.total),
      formatFlops(flopsPerToken),
      String(config.model.context),
    ]),
  ]);
  print();
  for (const { name, doc } of rows) print(`  ${name.padEnd(12)} ${doc}`);
}
