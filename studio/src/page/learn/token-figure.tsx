/** A token layer: keys as directions, of which those that what comes in points along answer. */

import { useSignal } from "@preact/signals";
import type { SmallToken } from "../../engine/api.ts";
import { engine } from "../store/state.ts";
import { useAnswer } from "./answer.ts";
import { DirectionSlider, direction, signed } from "./slider.tsx";

const TOKENS: readonly SmallToken[] = [
  { key: [1, 0.2], value: 0.9 },
  { key: [-0.4, 0.9], value: -0.6 },
  { key: [-0.5, -0.9], value: 0.4 },
  { key: [0.7, -0.8], value: -0.8 },
  { key: [0.3, 1.1], value: 0.7 },
];
const FIRST = 3;

export function TokenFigure() {
  const angle = useSignal(30);
  const amount = useSignal(FIRST);
  const tokens = TOKENS.slice(0, amount.value);
  const input = direction(angle.value);
  const answer = useAnswer(`${angle.value} ${amount.value}`, () =>
    engine().smallLayer({ inputs: [input], wanted: [0], tokens, tau: Math.sqrt(amount.peek()) }),
  );
  const weights = answer.value?.weights[0] ?? [];
  return (
    <figure class="learn-figure">
      <div class="compass-row">
        <Compass input={input} tokens={tokens} />
        <ol class="asked">
          {tokens.map(({ value }, index) => (
            <li key={index} class={index < FIRST ? "old" : "new"}>
              <i style={{ width: `${Math.min(100, 50 * Math.abs(weights[index] ?? 0))}%` }} />
              <span class="numbers">
                weight {signed(weights[index] ?? 0, 2)} × value {signed(value, 1)}
              </span>
            </li>
          ))}
        </ol>
      </div>
      <p class="numbers">
        2 numbers in, 1 out: <b>{answer.value?.outputs[0]?.toFixed(3) ?? "–"}</b>. {tokens.length} tokens.
      </p>
      <DirectionSlider label="What comes in (the thin line)" angle={angle} />
      <button
        type="button"
        onClick={() => {
          amount.value = amount.peek() === TOKENS.length ? FIRST : amount.peek() + 1;
        }}
      >
        {amount.value === TOKENS.length ? "As it was" : "Add a token"}
      </button>
    </figure>
  );
}

interface CompassProps {
  readonly input: readonly [number, number];
  readonly tokens: readonly SmallToken[];
}

/** Keys as arrows from the middle, and what comes in as a thin line. */
function Compass({ input: [x, y], tokens }: CompassProps) {
  return (
    <svg class="compass" viewBox="-1.3 -1.3 2.6 2.6" role="img" aria-label="Keys as directions, and what comes in">
      <circle r="1" class="rim" />
      <line x2={1.2 * x} y2={-1.2 * y} class="input" />
      {tokens.map(({ key: [across, up] }, index) => (
        <line key={index} x2={across} y2={-up} class={index < FIRST ? "old" : "new"} />
      ))}
    </svg>
  );
}
