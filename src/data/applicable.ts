/** What is asked of the reading of data, and what data it can be asked of: else it would be dropped, and kept as if it had been done. */

import { UserError } from "../errors.ts";
import { sameJson } from "../formats/index.ts";
import type { Tokenizer } from "../text/index.ts";
import type { DataReading } from "./data-names.ts";
import type { TextSource } from "./text-sources.ts";

/** Data that were looked at. */
export interface Readable {
  readonly name: string;
  /** Its texts. Undefined where it is token files. */
  readonly texts: readonly TextSource[] | undefined;
  /** The tokenizer that there is. Undefined where it is made of the texts, or read with them. */
  readonly tokenizer: Tokenizer | undefined;
}

/**
 * Refuses what cannot apply.
 * @param before how the data of a run that goes on were read: what is still the same is not asked anew
 * @throws UserError that names the option
 */
export function checkApplicable(reading: DataReading, before: DataReading, data: Readable): void {
  const isAsked = (key: keyof DataReading) => {
    const value = reading[key];
    return value !== undefined && value !== false && !sameJson(value, before[key]);
  };
  for (const { key, option, unfit } of RULES) {
    const reason = isAsked(key) ? unfit(data, reading) : undefined;
    if (reason !== undefined)
      throw new UserError(`${option(reading)}: ${data.name} ${reason}, or leave the option out`);
  }
}

interface Rule {
  readonly key: keyof DataReading;
  /** The option as it was typed. */
  readonly option: (reading: DataReading) => string;
  /** Why it cannot apply, what was expected, and how else that comes about; undefined where it can. */
  readonly unfit: (data: Readable, reading: DataReading) => string | undefined;
}

const isTokens = ({ texts }: Readable) =>
  texts === undefined
    ? "is token files, in which all is tokens already; give the texts that they were made of"
    : undefined;

const hasNoRecords = ({ texts }: Readable) =>
  texts?.some((text) => text.isForFineTuning)
    ? undefined
    : "has no prompts or conversations, expected lines of JSON that begin with one; name such data";

const RULES: readonly Rule[] = [
  {
    key: "textKey",
    option: ({ textKey = "" }) => `--text-key ${textKey}`,
    unfit: (data) =>
      isTokens(data) ??
      (data.texts?.some((text) => text.hasKeys)
        ? undefined
        : "has no texts under keys, expected .jsonl or .parquet; name such data"),
  },
  {
    key: "lossOn",
    option: ({ lossOn = "" }) => `--loss-on ${lossOn}`,
    unfit: (data) => isTokens(data) ?? hasNoRecords(data),
  },
  {
    key: "separateDocuments",
    option: () => "--separate-documents",
    unfit: (data) => isTokens(data) ?? hasNoRecords(data),
  },
  { key: "extendVocabulary", option: () => "--extend-vocabulary", unfit: isTokens },
  {
    key: "specialTokens",
    option: ({ specialTokens = [] }) => `--special-tokens ${specialTokens.join(" ")}`,
    unfit: (data, { extendVocabulary }) =>
      isTokens(data) ??
      (data.tokenizer === undefined || extendVocabulary === true
        ? undefined
        : "is read by the tokenizer of the run, which has its own; take them in with --from RUN --extend-vocabulary"),
  },
];
