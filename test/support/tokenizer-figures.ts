/** What Python's `tokenizers` makes of many combinations of the parts of a tokenizer.json. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { JsonTokenizer } from "../../src/text/json-tokenizer.ts";
import { ROOT } from "./program.ts";

const parts = z.record(z.string(), z.unknown());
const ids = z.array(z.int());
const combination = {
  normalizer: z.string().default("none"),
  pre_tokenizer: z.string().default("none"),
  post_processor: z.string().default("none"),
  decoder: z.string().default("none"),
  added: z.string().default("none"),
  model: z.string(),
};

const figuresSchema = z.object({
  texts: z.array(z.string()),
  normalizers: parts,
  pre_tokenizers: parts,
  post_processors: parts,
  decoders: parts,
  models: z.record(z.string(), z.looseObject({ vocab: z.unknown() })),
  added: z.record(z.string(), z.array(z.looseObject({ content: z.string() }))),
  /** The ids by the number of a text; null where Python fails or leaves characters out. */
  encodings: z.array(z.object({ ...combination, ids: z.record(z.string(), ids.nullable()).nullable() })),
  /** Texts of ids, and texts that ids add to those of a context: [context, ids, text]. */
  decodings: z.array(
    z.object({
      ...combination,
      texts: z.array(z.tuple([ids, z.string()])),
      streams: z.array(z.tuple([ids, ids, z.string()])),
    }),
  ),
});

export type Combination = z.infer<z.ZodObject<typeof combination>>;

/** What Python's `tokenizers` makes of many combinations of parts; bench/peers/tokenizers/figures.py wrote it. */
const file = join(ROOT, "test/fixtures/tokenizers/figures.json");
export const figures = figuresSchema.parse(JSON.parse(readFileSync(file, "utf8")));

export function tokenizerOf(of: Combination): JsonTokenizer {
  const model = figures.models[of.model];
  const vocab = model?.vocab;
  const tokens = Array.isArray(vocab)
    ? vocab.map((entry: unknown[], id) => [entry[0], id])
    : Object.entries(Object(vocab));
  const known = new Map<unknown, unknown>(tokens.map(([token, id]) => [token, id]));
  let next = tokens.length;
  const json = {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: (figures.added[of.added] ?? []).map((token) => ({
      id: known.get(token.content) ?? next++,
      ...token,
    })),
    normalizer: figures.normalizers[of.normalizer],
    pre_tokenizer: figures.pre_tokenizers[of.pre_tokenizer],
    post_processor: figures.post_processors[of.post_processor],
    decoder: figures.decoders[of.decoder],
    model,
  };
  return new JsonTokenizer(json, "test");
}

/** What is refused at once: an added token that can be found nowhere, as Strip leaves nothing of it. */
export const isRefused = ({ added, normalizer }: Combination) => added === "spaces" && normalizer === "Strip";
