/** A number of a figure that one turns. */

import type { Signal } from "@preact/signals";

interface SliderProps {
  readonly label: string;
  readonly value: number;
  /** Default: 0. */
  readonly min?: number;
  readonly max: number;
  readonly step?: number;
  /** What the number stands for. */
  readonly words?: string;
  readonly chosen: (value: number) => void;
}

export function Slider({ label, value, min = 0, max, step = 1, words, chosen }: SliderProps) {
  return (
    <label class="learn-slider">
      <span>
        {label} {words !== undefined && <output>{words}</output>}
      </span>
      <input
        type="range"
        min={min}
        max={max}
        step={step}
        value={value}
        aria-valuetext={words ?? String(value)}
        onInput={({ currentTarget }) => chosen(currentTarget.valueAsNumber)}
      />
    </label>
  );
}

/** What comes into a figure, as a direction in degrees. */
export function DirectionSlider({ label, angle }: { readonly label: string; readonly angle: Signal<number> }) {
  return (
    <Slider
      label={label}
      max={360}
      value={angle.value}
      words={`${angle.value}°`}
      chosen={(value) => {
        angle.value = value;
      }}
    />
  );
}

/** A direction in degrees as two channels. */
export function direction(degrees: number): readonly [number, number] {
  const turn = (degrees * Math.PI) / 180;
  return [Math.cos(turn), Math.sin(turn)];
}

/** A number with the minus sign of mathematics. */
export const signed = (value: number, digits: number) => value.toFixed(digits).replace("-", "−");
