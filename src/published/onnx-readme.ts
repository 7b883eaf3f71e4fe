/** What stands beside an exported ONNX model: how to run it. */

import type { CompleteModelConfig } from "../model/index.ts";
import { at, inputName, printDimension, type Tensor } from "../tensor/index.ts";

/**
 * @param past the inputs [B, heads, S, channels] for earlier keys and values, those of the first layer first
 */
export function onnxReadme(
  config: CompleteModelConfig,
  past: readonly Tensor[],
  files: { readonly model: string; readonly weights: string },
): string {
  const { vocabulary, context } = config;
  const head = `# A ${config.type} as an ONNX model

\`${files.model}\` (its weights are in \`${files.weights}\`, which must stay beside it) takes token ids and gives the logits of what
follows each. ${context} tokens is the longest sequence it was trained on${positionsOf(config)}.

| input | type | shape |
| ----- | ---- | ----- |
| \`tokens\` | int32 | [B, T] |`;
  const outputs = `
| output | type | shape |
| ------ | ---- | ----- |
| \`logits\` | float32 | [B, T, ${vocabulary}] |`;
  const [first] = past;
  if (first === undefined) return `${head}\n${outputs}\n\nB sequences of T tokens each.\n`;
  const [heads, channels] = [at(first.shape, 1), at(first.shape, 3)].map(printDimension);
  const names = (kind: string) =>
    [0, 1].map((part) => {
      const named = (tensor: Tensor | undefined) => tensor && `\`${inputName(tensor).replace("past", kind)}\``;
      return `${named(past[part])} … ${named(past.at(part - 2))}`;
    });
  const rows = (kind: string, time: string) =>
    names(kind)
      .map((name) => `\n| ${name} | float32 | [B, ${heads}, ${time}, ${channels}] |`)
      .join("");
  return `${head}${rows("past", "S")}
${outputs}${rows("present", "S + T")}

B sequences of T new tokens each, after S earlier ones: at first S is 0 (empty tensors) and T the length of the prompt, after that
the \`present\` of one run is the \`past\` of the next, and T is 1.

\`\`\`python
import numpy as np, onnxruntime
session = onnxruntime.InferenceSession("${files.model}")
state = {i.name: np.zeros((1, ${heads}, 0, ${channels}), np.float32) for i in session.get_inputs() if i.name != "tokens"}
tokens = np.array([[1, 2, 3]], np.int32)  # the prompt
for _ in range(20):
    logits, *present = session.run(None, {"tokens": tokens, **state})
    names = [o.name.replace("present", "past") for o in session.get_outputs()[1:]]
    state = dict(zip(names, present))
    tokens = logits[:, -1:].argmax(-1).astype(np.int32)
    print(tokens[0, 0])
\`\`\`
`;
}

function positionsOf(config: CompleteModelConfig): string {
  return "positions" in config && config.positions === "learned" ? ", and the longest it can take" : "";
}
