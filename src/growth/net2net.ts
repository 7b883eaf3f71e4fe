/**
 * Widening a Transformer so that it computes what it computed before.
 *
 * - New channels of the residual stream carry the mean over the old ones (average expansion, LEMON, arXiv 2310.07999): a
 *   norm's mean stays, its variance shrinks by D / D', and the new channels are normalised to zero. With √(D / D') times the
 *   scale and D / D' times ε, the old channels are what they were.
 * - What reads the stream is drawn anew for the new channels: it multiplies zeros, until they learn.
 * - New heads and hidden units are copies of randomly chosen old ones, and what they give is shared out among the copies
 *   (Net2WiderNet, arXiv 1511.05641, section 2.3), unevenly.
 *
 * Shapes: D the old width, D' the new one, H heads, C = D / H channels of a head, V vocabulary. C stays, so that heads are added.
 */

import { UserError } from "../errors.ts";
import { type ModelConfig, type TransformerConfig, weightSetup } from "../model/index.ts";
import { optionsWithDefaults, parsedOptions } from "../options.ts";
import type { Random } from "../random.ts";
import { required } from "../required.ts";
import { copiesOf, type Line, relined, repeated } from "./lines.ts";
import type { Generation, HostArray, ModelState } from "./state.ts";
import type { AnyModelStrategy, ModelGrowth } from "./strategy.ts";

/** The path in a state's lineage of the generations of channels. */
export const CHANNELS = "width";

/** Hidden units for each channel. */
const HIDDEN = 4;

/** The kinds of an axis of a parameter. */
type Axis =
  /** What has the same size in a wider model: the vocabulary, the positions. */
  | "same"
  /** Channels that are added to the residual stream, or start it. */
  | "written"
  /** Channels of the normalised stream that a layer reads. */
  | "read"
  | "scale"
  | "shift"
  /** Channels of heads, or hidden units, and the axis of the layer after them, which sums over them. */
  | "heads"
  | "summed heads"
  | "hidden"
  | "summed hidden";

/** The axes of each parameter, by the end of its name. */
const axesByName: Readonly<Record<string, readonly Axis[]>> = {
  "embedding.tokens": ["same", "written"],
  "embedding.positions": ["same", "written"],
  "attentionNorm.scale": ["scale"],
  "attentionNorm.bias": ["shift"],
  "query.weight": ["heads", "read"],
  "key.weight": ["heads", "read"],
  "value.weight": ["heads", "read"],
  "projection.weight": ["written", "summed heads"],
  "projection.bias": ["written"],
  "feedForwardNorm.scale": ["scale"],
  "feedForwardNorm.bias": ["shift"],
  "up.weight": ["hidden", "read"],
  "up.bias": ["hidden"],
  "down.weight": ["written", "summed hidden"],
  "down.bias": ["written"],
  "finalNorm.scale": ["scale"],
  "finalNorm.bias": ["shift"],
  "output.weight": ["same", "read"],
  "output.bias": ["same"],
};

/** The option of the strategy: the new width. */
const options = optionsWithDefaults({ width: 0 });

/** Widening as a strategy, whose one option is the new width. */
export const net2net: AnyModelStrategy = {
  kind: "model",
  name: "net2net",
  preserves: true,
  config: (model, given) => withWidth(widenable(model), parsedOptions(options, given, "growth plan").width),
  parameters: wideParameters,
  // Moments of what is new are zero.
  moments: undefined,
  summary: (before, after) =>
    `width ${widenable(before).width} → ${widenable(after).width}, ${widenable(before).heads} → ${widenable(after).heads} heads`,
  lineage: (state, before, after) => widenedLineage(state, widenable(before).width, widenable(after).width),
};

function widenable(config: ModelConfig): TransformerConfig {
  if (config.type === "transformer") return config;
  throw new UserError(`growth plan: net2net widens a transformer, and this is a ${config.type}`);
}

/** The parameters of the wider model. Draws depend on the names of parameters, and on what `random` has from its caller, alone. */
function wideParameters({ before, after, parameters, random }: ModelGrowth): Map<string, HostArray> {
  const [old, grown] = [widenable(before), widenable(after)];
  const layers = Array.from({ length: old.layers }, (_, layer) => linesOf(old, grown, random(`layer ${layer}`)));
  const wider = new Map<string, HostArray>();
  for (const [name, array] of parameters) {
    const lines = required(new Map(layers.entries()), layerOf(name));
    const own = random(name);
    wider.set(
      name,
      axesOf(name).reduce(
        (current, axis, index) => (axis === "same" ? current : relined(current, index, lines[axis], own)),
        array,
      ),
    );
  }
  return wider;
}

/** The configuration of the wider model. Throws a `UserError` if the width is no larger, or no multiple of a head's channels. */
function withWidth<Config extends TransformerConfig>(config: Config, width: number): Config {
  const channels = config.width / config.heads;
  if (width <= config.width) {
    throw new UserError(`growth plan: width ${width} is not above the model's ${config.width}; growing cannot shrink`);
  }
  if (width % channels !== 0) {
    const below = Math.floor(width / channels) * channels;
    const near = [below, below + channels].filter((multiple) => multiple > config.width).join(" or ");
    throw new UserError(
      `growth plan: width ${width} is no multiple of the ${channels} channels of a head, which stay as many; use ${near}`,
    );
  }
  const normEpsilon = (config.normEpsilon * config.width) / width;
  return { ...config, width, heads: width / channels, normEpsilon };
}

/** What the entries along the axes of one layer are made of. */
function linesOf(
  old: TransformerConfig,
  grown: TransformerConfig,
  random: Random,
): Record<Exclude<Axis, "same">, Line[]> {
  const channels = old.width / old.heads;
  const scale = Math.sqrt(old.width / grown.width);
  const heads = copiesOf(old.heads, grown.heads, random);
  const hidden = copiesOf(HIDDEN * old.width, HIDDEN * grown.width, random);
  const stream = (kept: number, added: Line): Line[] =>
    Array.from({ length: grown.width }, (_, index) => (index < old.width ? { of: index, factor: kept } : added));
  return {
    written: stream(1, { of: "mean", factor: 1 }),
    // What reads the stream starts alike, the output too.
    read: stream(1, { of: "draw", factor: weightSetup(grown, "query").initial.deviation }),
    scale: stream(scale, { of: "mean", factor: scale }),
    shift: stream(1, { of: "mean", factor: 0 }),
    heads: repeated(heads.copies, channels),
    "summed heads": repeated(heads.shares, channels),
    hidden: hidden.copies,
    "summed hidden": hidden.shares,
  };
}

function axesOf(name: string): readonly Axis[] {
  const axes = axesByName[endOf(name)];
  if (axes === undefined) throw new Error(`internal: widening does not know the parameter ${name}`);
  return axes;
}

/** The layer of a parameter. What stands outside all layers has no heads and hidden units, so that any layer does. */
function layerOf(name: string): number {
  return Number(/^blocks\.(\d+)\./.exec(name)?.[1] ?? 0);
}

/**
 * The generations of the wider model's channels, and of the rows of parameters that a strategy of one's own gave generations of their
 * own; new ones have made no updates.
 */
function widenedLineage({ lineage, step, updates }: ModelState, before: number, after: number) {
  const first: Generation = { tokens: before, born: 0, init: "initial", updates, frozenUntil: 0 };
  const born: Generation = { ...first, tokens: after - before, born: step, init: "net2net", updates: 0 };
  const rows = [...lineage].map(([name, generations]) => {
    const kind = kindOf(name, 0);
    return [name, kind === undefined ? generations : [...generations, ofAxis(kind, born)]] as const;
  });
  return new Map(rows).set(CHANNELS, [...(lineage.get(CHANNELS) ?? [first]), born]);
}

/** A generation of channels as one of an axis. */
function ofAxis(kind: Exclude<Axis, "same">, generation: Generation): Generation {
  const each = kind === "hidden" || kind === "summed hidden" ? HIDDEN : 1;
  return { ...generation, tokens: each * generation.tokens };
}

/**
 * The generations along an axis of a parameter of a widened Transformer, by which Adam counts the updates of what is new; nothing
 * where the axis has the size that it always had, or nothing was widened.
 */
export function channelGenerations(
  lineage: ModelState["lineage"],
  name: string,
  axis: 0 | 1,
): readonly Generation[] | undefined {
  const [channels, kind] = [lineage.get(CHANNELS), kindOf(name, axis)];
  if (channels === undefined || kind === undefined) return undefined;
  return channels.map((generation) => ofAxis(kind, generation));
}

/** Whether the columns of a parameter are channels, which widening adds. */
export const hasChannelColumns = (name: string): boolean => kindOf(name, 1) !== undefined;

/** What an axis is that widening makes longer. */
function kindOf(name: string, axis: 0 | 1): Exclude<Axis, "same"> | undefined {
  const kind = axesByName[endOf(name)]?.[axis];
  return kind === "same" ? undefined : kind;
}

const endOf = (name: string) => name.split(".").slice(-2).join(".");
