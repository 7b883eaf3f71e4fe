/** An added token of a tokenizer.json, found in a text before anything else is. */
export interface AddedToken {
  readonly id: number;
  readonly content: string;
}

/** A token that no text has by itself, with every field that readers of a tokenizer.json expect. */
export function addedTokenJson({ id, content }: AddedToken) {
  return { id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
}

/** What sets one byte-pair encoding apart from another. */
export interface BytePairParts {
  /** The tokens by id. */
  readonly tokens: readonly string[];
  /** Pairs of tokens, "left right", in the order in which they are merged. */
  readonly merges: readonly string[];
  /** Special tokens beside those of the model; none by default. */
  readonly addedTokens?: readonly AddedToken[];
  /** The token for what the vocabulary lacks; none by default. */
  readonly unknownToken?: string;
  /** How a text is divided before pairs are merged; not at all by default. */
  readonly preTokenizer?: Readonly<Record<string, unknown>>;
  /** How tokens are joined to a text. */
  readonly decoder: Readonly<Record<string, unknown>>;
}

/** The contents of a Hugging Face tokenizer.json for a byte-pair encoding, with every field that their readers expect. */
export function bytePairJson(parts: BytePairParts): Record<string, unknown> {
  const { tokens, merges, addedTokens = [], unknownToken = null, preTokenizer = null, decoder } = parts;
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: addedTokens.map(addedTokenJson),
    normalizer: null,
    pre_tokenizer: preTokenizer,
    post_processor: null,
    decoder,
    model: {
      type: "BPE",
      dropout: null,
      unk_token: unknownToken,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges,
    },
  };
}
