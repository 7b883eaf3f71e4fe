/** The types of models, each with its record. */

import { bigramRecord } from "./bigram.ts";
import {
  type BigramConfig,
  isOwn,
  type ModelConfig,
  type TokenFormerConfig,
  type TransformerConfig,
} from "./config.ts";
import { ownRecord } from "./own-record.ts";
import { type AnyModelRecord, anyRecord } from "./record.ts";
import { tokenformerRecord } from "./tokenformer.ts";
import { transformerRecord } from "./transformer.ts";

const isBigram = (config: ModelConfig): config is BigramConfig => config.type === "bigram";
const isTransformer = (config: ModelConfig): config is TransformerConfig => config.type === "transformer";
const isTokenFormer = (config: ModelConfig): config is TokenFormerConfig => config.type === "tokenformer";

const builtIn: Readonly<Record<"bigram" | "transformer" | "tokenformer", AnyModelRecord>> = {
  bigram: anyRecord(isBigram, bigramRecord),
  transformer: anyRecord(isTransformer, transformerRecord),
  tokenformer: anyRecord(isTokenFormer, tokenformerRecord),
};

const own = anyRecord(isOwn, ownRecord);

export function recordOf(config: ModelConfig): AnyModelRecord {
  return isOwn(config) ? own : builtIn[config.type];
}
