/** An exported ONNX model in the layout and under the names that Transformers.js looks for. */

import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { onnxFormat } from "#tokenformer/tensor";

const { AttributeProtoSchema, ModelProtoSchema, NodeProtoSchema } = onnxFormat;

const renamed = (name: string) =>
  name
    .replace(/^past\.(\d+)\.(key|value)s$/, "past_key_values.$1.$2")
    .replace(/^present\.(\d+)\.(key|value)s$/, "present.$1.$2");

/**
 * Moves the files of an export into a folder of their own: the same graph, with 64-bit token ids, and a configuration that calls
 * it a GPT-NeoX, whose cache has the same shape.
 * @returns the folder
 */
export async function toTransformersJs(
  exported: string,
  { layers, heads, width, vocabulary }: { layers: number; heads: number; width: number; vocabulary: number },
): Promise<string> {
  const folder = join(exported, "transformers-js");
  await mkdir(join(folder, "onnx"), { recursive: true });
  const model = fromBinary(ModelProtoSchema, await readFile(join(exported, "model.onnx")));
  const { graph } = model;
  if (graph === undefined) throw new Error("the exported model has no graph");
  renameValues(graph);
  await writeFile(join(folder, "onnx", "model.onnx"), toBinary(ModelProtoSchema, model));
  await rename(join(exported, "model.onnx.data"), join(folder, "onnx", "model.onnx_data"));
  const config = {
    model_type: "gpt_neox",
    architectures: ["GPTNeoXForCausalLM"],
    num_hidden_layers: layers,
    num_attention_heads: heads,
    hidden_size: width,
    vocab_size: vocabulary,
  };
  await writeFile(join(folder, "config.json"), JSON.stringify(config));
  return folder;
}

function renameValues(graph: onnxFormat.GraphProto) {
  for (const node of graph.node) {
    node.input = node.input.map(renamed);
    node.output = node.output.map(renamed);
  }
  for (const value of [...graph.input, ...graph.output]) value.name = renamed(value.name);
  for (const { externalData } of graph.initializer) {
    for (const entry of externalData) if (entry.key === "location") entry.value = "model.onnx_data";
  }
  for (const value of graph.input) {
    if (value.name !== "tokens" || value.type?.value.case !== "tensorType") continue;
    value.name = "input_ids";
    value.type.value.value.elemType = onnxFormat.tensorDataType.int64;
  }
  const to = create(AttributeProtoSchema, {
    name: "to",
    type: onnxFormat.attributeType.int,
    i: BigInt(onnxFormat.tensorDataType.int32),
  });
  graph.node.unshift(
    create(NodeProtoSchema, { opType: "Cast", input: ["input_ids"], output: ["tokens"], attribute: [to] }),
  );
}
