/** What a model does with a text: the weights of parameter tokens, the attention between tokens, and what comes next. */

import {
  type CompleteModelConfig,
  type HostArray,
  type Inference,
  type ModelState,
  StreamDecoder,
  type Tokenizer,
  UserError,
} from "tokenformer/browser";
import { hasBlocks, sitePath, sitesOf } from "tokenformer/model";
import type { AttentionWeights, Inspection, SiteView, SiteWeights } from "./api.ts";
import { siteViews } from "./sites.ts";

/** Next tokens that are told. */
const MOST_LIKELY = 8;

/** A model as it is at some step. */
export interface Inspected {
  readonly inference: Inference;
  readonly model: CompleteModelConfig;
  readonly lineage: ModelState["lineage"];
  readonly tokenizer: Tokenizer;
  readonly step: number;
}

/** A text that has gone through the model, with all that was recorded on its way. */
export class InspectedText {
  readonly inspection: Inspection;
  readonly #records: ReadonlyMap<string, HostArray>;
  /** The paths of what is at each place, generation by generation. */
  readonly #places: ReadonlyMap<string, readonly string[]>;

  private constructor(
    inspection: Inspection,
    records: ReadonlyMap<string, HostArray>,
    places: ReadonlyMap<string, readonly string[]>,
  ) {
    this.inspection = inspection;
    this.#records = records;
    this.#places = places;
  }

  /**
   * Sends a text through a model: its last tokens, where it is longer than the context.
   * @throws UserError for an empty text, and for characters that the tokenizer lacks
   */
  static async of({ inference, model, lineage, tokenizer, step }: Inspected, text: string): Promise<InspectedText> {
    const all = Int32Array.from(tokenizer.encode(text));
    const ids = all.slice(-model.context);
    if (ids.length === 0) throw new UserError("there is no text to look into; type some");
    const shape = [1, ids.length] as const;
    const logits = await inference.logits(ids, shape);
    const sites = siteViews(model, lineage);
    const places = placesOf(model);
    const { layers, heads } = hasBlocks(model) ? model : { layers: 0, heads: 0 };
    const paths = [
      ...[...places.values()].flat().map((path) => `${path}.weights`),
      ...Array.from({ length: layers }, (_, layer) => attentionPath(layer)),
    ];
    const records = paths.length === 0 ? new Map<string, HostArray>() : await inference.records(ids, shape, paths);
    const decoder = new StreamDecoder(tokenizer);
    const inspected = Array.from(ids, (id, index) => {
      const text = decoder.peek(id);
      decoder.push(id);
      return { text, next: likeliest(logits, index, tokenizer.vocabularySize, decoder) };
    });
    const inspection: Inspection = {
      step,
      tokens: inspected.map(({ text }) => text),
      truncated: all.length > ids.length,
      next: inspected.map(({ next }) => next),
      layers,
      heads,
      sites,
    };
    return new InspectedText(inspection, records, places);
  }

  /** The weights Θ(A) of a site. */
  site(path: string): SiteWeights {
    const site = this.inspection.sites.find((candidate) => candidate.path === path);
    const recorded = (this.#places.get(path) ?? []).flatMap((own) => this.#records.get(`${own}.weights`) ?? []);
    if (site === undefined || recorded.length === 0) throw new Error(`internal: nothing was recorded of "${path}"`);
    return { path, weights: beside(recorded), parameterTokens: site.tokens, born: bornOf(site) };
  }

  /** The attention between tokens of a block. */
  attention(layer: number): AttentionWeights {
    const recorded = this.#records.get(attentionPath(layer));
    if (recorded === undefined) throw new Error(`internal: nothing was recorded of layer ${layer}`);
    return { layer, heads: this.inspection.heads, weights: recorded.data };
  }
}

function placesOf(model: CompleteModelConfig): Map<string, readonly string[]> {
  const places = new Map<string, readonly string[]>();
  if (model.type !== "tokenformer") return places;
  for (const { place, path } of sitesOf(model)) places.set(place, [...(places.get(place) ?? []), path]);
  return places;
}

/** Arrays [1, T, …] beside each other, row by row. */
function beside(arrays: readonly HostArray[]): Float32Array {
  const [only] = arrays;
  if (arrays.length === 1 && only !== undefined) return only.data;
  const widths = arrays.map(({ shape }) => shape.at(-1) ?? 0);
  const width = widths.reduce((sum, own) => sum + own, 0);
  const rows = only?.shape[1] ?? 0;
  const data = new Float32Array(rows * width);
  let offset = 0;
  arrays.forEach((array, index) => {
    const own = widths[index] ?? 0;
    for (let row = 0; row < rows; row++)
      data.set(array.data.subarray(row * own, (row + 1) * own), row * width + offset);
    offset += own;
  });
  return data;
}

const attentionPath = (layer: number) => sitePath(layer, "query").replace(/query$/, "weights");

function bornOf({ tokens, generations }: SiteView): Int32Array {
  const born = new Int32Array(tokens);
  let start = 0;
  for (const generation of generations) {
    born.fill(generation.born, start, start + generation.tokens);
    start += generation.tokens;
  }
  return born;
}

/** The likeliest next tokens by the logits [1, T, V] after token `index`, with their probabilities. */
function likeliest(
  { shape, data }: HostArray,
  index: number,
  vocabulary: number,
  decoder: StreamDecoder,
): Inspection["next"][number] {
  const width = shape.at(-1) ?? 0;
  const logits = data.subarray(index * width, index * width + Math.min(width, vocabulary));
  const highest = logits.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const exponentials = Float64Array.from(logits, (logit) => Math.exp(logit - highest));
  const sum = exponentials.reduce((a, b) => a + b, 0);
  const order = Array.from(exponentials.keys()).toSorted((a, b) => (exponentials[b] ?? 0) - (exponentials[a] ?? 0));
  return order
    .slice(0, MOST_LIKELY)
    .map((id) => ({ text: decoder.peek(id), probability: (exponentials[id] ?? 0) / sum }));
}
