/** The use of parameter tokens by generation: of those born together, beside those born earlier or later. */

import type { Generation, TrainerState } from "../growth/index.ts";
import type { Site } from "../model/index.ts";
import { required } from "../required.ts";
import type { Usage } from "./usage.ts";

/** Parameter tokens of some sites that were born at the same step in the same way, and their part in those sites. */
export interface GenerationUse extends Pick<Generation, "born" | "init" | "tokens"> {
  /** Share of the sites' tokens. */
  readonly tokenShare: number;
  /** Share of the sites' Σ |Θ(A)|; 0 where that is zero throughout. */
  readonly massShare: number;
  /** Share of the sites' Σ |Θ(A)_p| ‖V_p‖; 0 where that is zero throughout. */
  readonly contributionShare: number;
  /** Norm of the gradient of all these tokens together, where it was measured. */
  readonly gradientNorm: number | undefined;
}

/** Generations, oldest first, over the sites of a kind, of a layer, and over all. */
export interface GenerationUsage {
  readonly kinds: ReadonlyMap<string, readonly GenerationUse[]>;
  /** Layer 0 first. */
  readonly layers: readonly (readonly GenerationUse[])[];
  readonly all: readonly GenerationUse[];
}

/**
 * Sums the use of parameter tokens by generation. Where sites are taken together, their masses add up, so that a site counts
 * by its own mass.
 * @param gradients the norms of `tokenGradientNorms`, if they were measured
 */
export function usageByGeneration(
  sites: readonly Site[],
  lineage: TrainerState["lineage"],
  usage: Usage,
  gradients?: ReadonlyMap<string, Float64Array>,
): GenerationUsage {
  const parts = sites.flatMap((site) => partsOf(site, required(lineage, site.path), usage, gradients));
  const layers = Math.max(-1, ...sites.map(({ layer }) => layer)) + 1;
  const kinds = new Set(sites.map(({ kind }) => kind));
  return {
    kinds: new Map([...kinds].map((kind) => [kind, together(parts.filter(({ site }) => site.kind === kind))])),
    layers: Array.from({ length: layers }, (_, layer) => together(parts.filter(({ site }) => site.layer === layer))),
    all: together(parts),
  };
}

/** A generation of one site. */
interface Part {
  readonly site: Site;
  readonly generation: Generation;
  readonly mass: number;
  readonly contribution: number;
  readonly gradientSquare: number | undefined;
}

function partsOf(
  site: Site,
  generations: readonly Generation[],
  usage: Usage,
  gradients: ReadonlyMap<string, Float64Array> | undefined,
): Part[] {
  const { mass, contribution } = required(usage, site.path);
  const gradient = gradients && required(gradients, site.path);
  let end = 0;
  return generations.map((generation) => {
    const start = end;
    end += generation.tokens;
    return {
      site,
      generation,
      mass: total(mass.subarray(start, end)),
      contribution: total(contribution.subarray(start, end)),
      gradientSquare: gradient && total(gradient.subarray(start, end).map((norm) => norm ** 2)),
    };
  });
}

/** Parts of several sites, by the step and the way of their birth. */
function together(parts: readonly Part[]): GenerationUse[] {
  const all = sums(parts);
  const groups = new Map<string, Part[]>();
  for (const part of parts.toSorted((a, b) => a.generation.born - b.generation.born)) {
    const { born, init } = part.generation;
    const key = `${born} ${init}`;
    groups.set(key, [...(groups.get(key) ?? []), part]);
  }
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    const { born, init } = first.generation;
    const own = sums(group);
    return [
      {
        born,
        init,
        tokens: own.tokens,
        tokenShare: share(own.tokens, all.tokens),
        massShare: share(own.mass, all.mass),
        contributionShare: share(own.contribution, all.contribution),
        gradientNorm: own.gradientNorm,
      },
    ];
  });
}

function sums(parts: readonly Part[]) {
  const squares = parts.flatMap(({ gradientSquare }) => gradientSquare ?? []);
  return {
    tokens: total(parts.map(({ generation }) => generation.tokens)),
    mass: total(parts.map(({ mass }) => mass)),
    contribution: total(parts.map(({ contribution }) => contribution)),
    gradientNorm: squares.length === 0 ? undefined : Math.sqrt(total(squares)),
  };
}

function total(numbers: readonly number[] | Float64Array): number {
  let sum = 0;
  for (const value of numbers) sum += value;
  return sum;
}

const share = (part: number, whole: number) => (whole === 0 ? 0 : part / whole);
