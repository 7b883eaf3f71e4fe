/** `tokenformer import`: a published checkpoint as one of this program. */

import { Command } from "commander";
import { formatCount } from "../lab/report/format.ts";
import { countParameters } from "../model/index.ts";
import { importCheckpoint } from "../published/index.ts";
import { print, printJson } from "./output.ts";

interface Options {
  readonly to: string;
  readonly config?: string;
  readonly tokenizer?: string;
  readonly json: boolean;
}

export const importCommand = () =>
  new Command("import")
    .argument(
      "<weights>",
      "folder or file with the weights: .bin, .pt, .safetensors, the index of several, or a folder of DeepSpeed",
    )
    .requiredOption("--to <folder>", "where the checkpoint goes")
    .option("--config <file>", "the model's .yml or config.json (default: the one beside the weights)")
    .option("--tokenizer <file>", "a tokenizer.json (default: the one beside the weights, if any)")
    .option("--json", "print what was imported as JSON", false)
    .action(runImport);

async function runImport(from: string, { json, ...options }: Options): Promise<void> {
  const { weights, config, model, tokenizer } = await importCheckpoint({ from, ...options });
  const { total } = countParameters(model);
  const { to } = options;
  if (json) return printJson({ weights, config, to, model, parameters: total, tokenizer: tokenizer !== undefined });
  print(`${weights} with ${config}: ${model.type} of ${formatCount(total)} parameters, saved to ${to}`);
  const named = tokenizer === undefined ? " --tokenizer tokenizer.json" : "";
  print(`write with: tokenformer sample ${to}${named} --prompt "…"`);
}
