/** What is noted of a run, so that a list can show it without opening it. */

import { type CompleteModelConfig, type Corpus, countParameters } from "tokenformer/browser";
import type { Pieces, RunStatus, RunSummary } from "./api.ts";
import type { History } from "./history.ts";
import { type NamedText, openingOf } from "./pieces.ts";
import type { StoredRun } from "./store.ts";

/** What a run is called, and learns from. */
export interface Named {
  readonly name: string;
  readonly text: NamedText;
  readonly pieces: Pieces;
}

export function newRecord(
  { name, text, pieces }: Named,
  model: CompleteModelConfig,
  { tokenizer, train, validation }: Corpus,
) {
  return {
    id: newRunId(),
    name,
    architecture: architectureOf(model),
    textName: text.name,
    opening: openingOf(text),
    pieces,
    lossOn: text.lossOn,
    parameters: countParameters(model).total,
    vocabulary: tokenizer.vocabularySize,
    trainTokens: train.length,
    validationTokens: validation.length,
    changed: Date.now(),
  } as const;
}

/** A page has no definitions of other models, and opens none. */
const architectureOf = ({ type }: CompleteModelConfig) =>
  type === "tokenformer" || type === "bigram" ? type : "transformer";

export function lossOf({ validation }: History): { validationLoss?: number } {
  const loss = validation.at(-1)?.loss;
  return loss === undefined ? {} : { validationLoss: loss };
}

export function summaryOf(record: StoredRun, status: RunStatus): RunSummary {
  const { vocabulary: _, trainTokens: __, validationTokens: ___, pieces: ____, lossOn: _____, ...others } = record;
  const { revision: ______, ...summary } = others;
  return { ...summary, status };
}

const ID_BYTES = 16;

/** Random bits, so many that no other run has the same. `crypto.randomUUID` is there only in pages that are served securely. */
function newRunId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(ID_BYTES));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
