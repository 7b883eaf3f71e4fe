/** `tokenformer export`: a run in a format that other programs read. */

import { Command, Option } from "commander";
import { hasCheckpoint } from "../checkpoint/index.ts";
import { UserError } from "../errors.ts";
import { exportCheckpoint, exportOnnx } from "../published/index.ts";
import { noCheckpoint, type WithOptions, withOption } from "./open.ts";
import { print, printJson } from "./output.ts";
import { modelOption } from "./own-modules.ts";

const dtypes = { float32: "F32", float16: "F16", bfloat16: "BF16" } as const;

export interface ExportCommandOptions extends WithOptions {
  readonly format: string;
  readonly to: string;
  readonly dtype?: keyof typeof dtypes;
  readonly convert: boolean;
  readonly json: boolean;
}

/** Writes a run to `options.to`, and gives the files that it wrote. */
type Exporter = (run: string, options: ExportCommandOptions) => Promise<readonly string[]>;

/** The formats, by name: what `--help` says of each, and what writes it. */
const formats: ReadonlyMap<string, { readonly description: string; readonly write: Exporter }> = new Map([
  [
    "safetensors",
    { description: "the published layout as model.safetensors and config.json", write: published("safetensors") },
  ],
  ["neox", { description: "pytorch_model.bin and config.yml, for the published code", write: published("neox") }],
  ["onnx", { description: "model.onnx with key–value cache, for runtimes of ONNX", write: onnx }],
]);

export const exportCommand = () =>
  new Command("export")
    .argument("<run>", "folder of a run or checkpoint")
    .addOption(modelOption())
    .addOption(withOption())
    .addOption(
      new Option("--format <name>", [...formats].map(([name, { description }]) => `${name}: ${description}`).join("; "))
        .choices([...formats.keys()])
        .makeOptionMandatory(),
    )
    .requiredOption("--to <folder>", "where the files go")
    .addOption(new Option("--dtype <type>", "how to store the weights (default: float32)").choices(Object.keys(dtypes)))
    .option(
      "--convert",
      "append tokens that change nothing where a grown model does not fit the published layout",
      false,
    )
    .option("--json", "print the written files as JSON", false)
    .action(runExport);

async function runExport(run: string, options: ExportCommandOptions): Promise<void> {
  const format = formats.get(options.format);
  if (format === undefined) throw new Error(`internal: there is no format ${options.format}`);
  if (!(await hasCheckpoint(run))) throw await noCheckpoint(run);
  const files = await format.write(run, options);
  if (options.json) printJson({ files });
  else for (const file of files) print(file);
}

async function onnx(
  from: string,
  { to, dtype, convert, with: skills }: ExportCommandOptions,
): Promise<readonly string[]> {
  if (convert) throw new UserError("--convert is for the published layout: ONNX holds any grown model as it is");
  if (dtype !== undefined && dtype !== "float32") throw new UserError(`--dtype ${dtype}: ONNX models are float32`);
  return exportOnnx({ from, to, skills });
}

function published(layout: "neox" | "safetensors"): Exporter {
  return async (from, { to, convert, dtype = "float32", with: skills }) => {
    const { files } = await exportCheckpoint({ from, to, layout, convert, dtype: dtypes[dtype], skills });
    return files;
  };
}
