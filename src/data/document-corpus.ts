/** Corpora of files of records for fine-tuning. */

import type { DocumentSource, Tokenizer } from "../text/index.ts";
import { DocumentTokens, type LearningOptions } from "./document-tokens.ts";
import type { TextSource } from "./text-sources.ts";
import { counterOf, type OnProgress } from "./tokenizing.ts";

/**
 * The tokens of records, in memory.
 * @throws UserError, with the file and line, for a record that the tokenizer or its chat template cannot take
 */
export async function documentTokens(
  sources: readonly TextSource[],
  tokenizer: Tokenizer,
  { onProgress, ...options }: LearningOptions & { readonly onProgress?: OnProgress | undefined },
): Promise<DocumentSource> {
  const onRead = counterOf(sources, "tokenizing", onProgress);
  const tokens = new DocumentTokens(tokenizer, options);
  for (const source of sources) for await (const record of source.records(onRead)) tokens.add(record, source.name);
  return tokens.source();
}
