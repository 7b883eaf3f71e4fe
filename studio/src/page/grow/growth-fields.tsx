/** The choices of a growth. */

import { useId } from "preact/hooks";
import type { GrowthInit } from "../../engine/api.ts";
import { Segments } from "../parts/segments.tsx";
import type { GrowthChoice, Where } from "./request.ts";

interface Changing {
  readonly change: (changed: Partial<GrowthChoice>) => void;
}

const SITES: readonly (readonly [Where, string])[] = [
  ["all", "Everywhere"],
  ["attention", "Attention"],
  ["feedForward", "Feed-forward"],
];

export function WhichSites({ where, change }: Changing & { readonly where: Where }) {
  return <Segments legend="Where" value={where} choices={SITES} chosen={(value) => change({ where: value })} />;
}

interface LayersProps extends Changing {
  readonly layers: readonly number[];
  readonly amount: number;
}

/** Blocks to choose from; no block chosen means all of them. */
export function WhichLayers({ layers, amount, change }: LayersProps) {
  if (amount < 2) return null;
  const all = Array.from({ length: amount }, (_, layer) => layer);
  const chosen = layers.length === 0 ? all : layers;
  const toggle = (layer: number) => {
    const next = chosen.includes(layer)
      ? chosen.filter((other) => other !== layer)
      : [...chosen, layer].toSorted((a, b) => a - b);
    change({ layers: next.length === amount ? [] : next });
  };
  return (
    <fieldset class="layers">
      <legend>Layers</legend>
      {all.map((layer) => {
        const on = chosen.includes(layer);
        return (
          <button
            key={layer}
            type="button"
            class="toggle"
            aria-pressed={on}
            aria-label={`Layer ${layer + 1}`}
            disabled={on && chosen.length === 1}
            onClick={() => toggle(layer)}
          >
            {layer + 1}
          </button>
        );
      })}
    </fieldset>
  );
}

const AMOUNTS = [
  ["double", "Double them"],
  ["number", "Add a number"],
] as const;

export function HowMany({ tokens, change }: Changing & { readonly tokens: number | "double" }) {
  const id = useId();
  return (
    <div class="how-many">
      <Segments
        legend="How many"
        value={tokens === "double" ? "double" : "number"}
        choices={AMOUNTS}
        chosen={(value) => change({ tokens: value === "double" ? "double" : 64 })}
      />
      {tokens !== "double" && (
        <div class="field inline">
          <label for={id}>Tokens for each projection</label>
          <input
            id={id}
            type="number"
            min={1}
            step={1}
            value={Number.isNaN(tokens) ? "" : tokens}
            onInput={({ currentTarget }) => change({ tokens: currentTarget.valueAsNumber })}
          />
        </div>
      )}
    </div>
  );
}

const STARTS: readonly (readonly [GrowthInit, string, string])[] = [
  ["zero-key", "Silent", "Keys start at zero, so the model answers exactly as before."],
  ["split", "Split", "Copies of old tokens share their work: the same answers as before."],
  ["random", "Random", "Drawn anew, as at the start: the loss jumps, then recovers."],
];

export function HowTheyStart({ init, change }: Changing & { readonly init: GrowthInit }) {
  return (
    <fieldset class="starts">
      <legend>How they start</legend>
      {STARTS.map(([key, title, note]) => (
        <label key={key} class="line-choice">
          <input
            class="start-radio"
            type="radio"
            name="init"
            checked={init === key}
            onChange={() => change({ init: key })}
          />
          <span>
            <b>{title}</b> <span class="note">{note}</span>
          </span>
        </label>
      ))}
    </fieldset>
  );
}
