/** Which rows of a parameter an update changes, each with its learning rate and Adam's bias corrections for its own age. */

import { elementCount } from "../element-count.ts";
import type { Generation } from "../growth/index.ts";
import type { Tensors } from "../inference/index.ts";
import type { ParameterSpec } from "../nn/index.ts";
import { required } from "../required.ts";
import type { AdamWOptions, UpdateStep } from "./adamw.ts";
import type { AdamWParameters, RowUpdate } from "./adamw-parameters.ts";

/** Weight decay is for matrices: parameter tokens, weights and embeddings, not scales and biases. */
export const decays = ({ shape }: ParameterSpec) => shape.length >= 2;

/** How each parameter is updated. */
export function tensorUpdates(
  specs: readonly ParameterSpec[],
  parameters: Tensors,
  step: UpdateStep,
  options: AdamWOptions,
): AdamWParameters["tensors"] {
  return layoutsOf(specs, parameters).map(({ name, decays: decaying, ...rows }) => ({
    name,
    decay: decaying ? options.weightDecay : 0,
    rows: updatesOfRows(name, rows, step, options),
  }));
}

/** The rows of a parameter, as updates see them. */
interface RowLayout {
  readonly rows: number;
  readonly columns: number;
  /** What its learning rate is multiplied by. */
  readonly rate: number;
}

/** The layouts of parameters; they change with growth alone, which makes other tensors. */
const layouts = new WeakMap<Tensors, readonly (RowLayout & { readonly name: string; readonly decays: boolean })[]>();

function layoutsOf(specs: readonly ParameterSpec[], parameters: Tensors) {
  const known = layouts.get(parameters);
  if (known !== undefined) return known;
  const made = specs.map((spec) => ({
    name: spec.name,
    decays: decays(spec),
    ...layoutOf(spec, required(parameters, spec.name).shape),
  }));
  layouts.set(parameters, made);
  return made;
}

export function layoutOf({ rate = 1 }: Pick<ParameterSpec, "rate">, shape: readonly number[]): RowLayout {
  const [rows = 1, ...rest] = shape;
  return { rows, columns: elementCount(rest), rate: typeof rate === "number" ? rate : rate(shape) };
}

/** The ranges of a parameter that are updated, each with its own bias correction. */
export function rowUpdates(
  spec: Pick<ParameterSpec, "name" | "rate">,
  shape: readonly number[],
  step: UpdateStep,
  options: AdamWOptions,
): RowUpdate[] {
  return updatesOfRows(spec.name, layoutOf(spec, shape), step, options);
}

function updatesOfRows(
  name: string,
  { rows, columns, rate }: RowLayout,
  { step, updates, generations, columns: columnsOf }: UpdateStep,
  options: AdamWOptions,
): RowUpdate[] {
  const groups: readonly Omit<Generation, "init">[] = generations(name) ?? [
    { tokens: rows, updates, born: 0, frozenUntil: 0 },
  ];
  const tokens = groups.reduce((sum, group) => sum + group.tokens, 0);
  if (tokens !== rows)
    throw new Error(`the lineage has ${tokens} tokens for ${rows} rows; each row needs a generation`);
  const columnGroups = columnsOf?.(name);
  let start = 0;
  return groups.flatMap((group) => {
    const from = start;
    start += group.tokens * columns;
    if (step <= group.frozenUntil) return [];
    const risen = rate * ownRate(group, step);
    const parts = partsOfRow(group.updates, columnGroups ?? [{ tokens: columns, updates: group.updates }], options);
    const [first] = parts;
    if (parts.length === 1 && first !== undefined) return [{ ...first, start: from, end: start, rate: risen }];
    return Array.from({ length: group.tokens }, (_, row) => from + row * columns).flatMap((offset) =>
      parts.map((part) => ({ ...part, start: offset + part.start, end: offset + part.end, rate: risen })),
    );
  });
}

/** What the learning rate of tokens is multiplied by at a step for their age: their own warm-up, and their boost, which ends. */
function ownRate({ born, warmup = 0, boost }: Omit<Generation, "init">, step: number): number {
  const age = step - born;
  const risen = warmup === 0 ? 1 : Math.min(1, age / (warmup + 1));
  return boost === undefined || age > boost.steps
    ? risen
    : risen * (boost.rate + (1 - boost.rate) * (age / (boost.steps + 1)));
}

/** Parts of a row whose numbers have counted the same updates, or so many that it makes no difference in float32. */
function partsOfRow(
  updates: number,
  columns: readonly Pick<Generation, "tokens" | "updates">[],
  options: AdamWOptions,
): Omit<RowUpdate, "rate">[] {
  const parts: Omit<RowUpdate, "rate">[] = [];
  let end = 0;
  for (const group of columns) {
    const start = end;
    end += group.tokens;
    const corrections = correctionsOf(Math.min(updates, group.updates), options);
    const last = parts.at(-1);
    if (last !== undefined && sameInFloat32(last, corrections)) parts[parts.length - 1] = { ...last, end };
    else parts.push({ start, end, ...corrections });
  }
  return parts;
}

type Corrections = Pick<RowUpdate, "correction1" | "correction2">;

/** Adam's bias corrections after so many updates and the one that is made. */
export function correctionsOf(updates: number, { beta1, beta2 }: AdamWOptions): Corrections {
  return { correction1: 1 / (1 - beta1 ** (updates + 1)), correction2: 1 / (1 - beta2 ** (updates + 1)) };
}

const sameInFloat32 = (a: Corrections, b: Corrections) =>
  Math.fround(a.correction1) === Math.fround(b.correction1) &&
  Math.fround(a.correction2) === Math.fround(b.correction2);
