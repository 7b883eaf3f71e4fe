/** A token layer with three tokens, and two that were added: its weights and its output, by the paper's equation, as one turns it. */

import { useSignal } from "@preact/signals";
import { type SmallToken, tokenLayer } from "./token-layer.ts";

const OLD: readonly SmallToken[] = [
  { key: [1, 0.2], value: 0.9 },
  { key: [-0.4, 0.9], value: -0.6 },
  { key: [-0.5, -0.9], value: 0.4 },
];
/** Where training takes the keys of the new ones. */
const NEW: readonly SmallToken[] = [
  { key: [0.7, -0.8], value: -0.8 },
  { key: [0.3, 1.1], value: 0.7 },
];

const scaled =
  (by: number) =>
  ({ key: [x, y], value }: SmallToken): SmallToken => ({ key: [by * x, by * y], value });

export function SmallLayer() {
  const angle = useSignal(30);
  const trained = useSignal(0);
  const turn = (angle.value * Math.PI) / 180;
  const input = [Math.cos(turn), Math.sin(turn)] as const;
  const before = tokenLayer(input, OLD, OLD.length);
  const now = tokenLayer(input, [...OLD, ...NEW.map(scaled(trained.value))], OLD.length);
  return (
    <figure class="small-layer">
      <div
        class="weights"
        role="img"
        aria-label={`Weights: ${now.weights.map((weight) => weight.toFixed(2)).join(", ")}`}
      >
        {now.weights.map((weight, index) => (
          <i
            key={index}
            class={index < OLD.length ? "old" : "new"}
            style={{ height: `${Math.max(2, 46 * Math.abs(weight))}px`, opacity: weight < 0 ? 0.5 : 1 }}
          />
        ))}
      </div>
      <p class="numbers">
        Output without the new tokens <b>{before.output.toFixed(3)}</b>, with them <b>{now.output.toFixed(3)}</b>
        {trained.value === 0 && ": the same."}
      </p>
      <Slider
        label="What comes in"
        min={0}
        max={360}
        step={1}
        value={angle.value}
        chosen={(value) => {
          angle.value = value;
        }}
      />
      <Slider
        label="How far the new keys have learnt"
        min={0}
        max={1}
        step={0.01}
        value={trained.value}
        chosen={(value) => {
          trained.value = value;
        }}
      />
      <figcaption class="note">
        Each bar is how much a token is asked. Three were there first, in blue; the orange ones start with keys of
        zeros.
      </figcaption>
    </figure>
  );
}

interface SliderProps {
  readonly label: string;
  readonly min: number;
  readonly max: number;
  readonly step: number;
  readonly value: number;
  readonly chosen: (value: number) => void;
}

function Slider({ label, min, max, step, value, chosen }: SliderProps) {
  return (
    <label class="small-slider">
      {label}
      <input
        type="range"
        min={min}
        max={max}
        step={step}
        value={value}
        onInput={({ currentTarget }) => chosen(currentTarget.valueAsNumber)}
      />
    </label>
  );
}
