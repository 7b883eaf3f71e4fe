/** How the curves are drawn: units, axes and smoothing. */

import { Choice } from "../parts/choice.tsx";
import { type ChartOptions, chart } from "../store/state.ts";

const change = (changed: Partial<ChartOptions>) => {
  chart.value = { ...chart.peek(), ...changed };
};

const ACROSS: readonly (readonly [ChartOptions["across"], string])[] = [
  ["step", "Updates"],
  ["tokens", "Text seen"],
  ["flops", "FLOPs"],
  ["seconds", "Time"],
];

const UNITS: readonly (readonly [ChartOptions["unit"], string])[] = [
  ["nats", "Nats"],
  ["bits", "Bits per byte"],
];

export function ChartControls() {
  const { unit, across, logAcross, logUp, smoothing } = chart.value;
  return (
    <div class="controls">
      <Choice label="Unit" value={unit} choices={UNITS} chosen={(value) => change({ unit: value })} />
      <Choice label="Across" value={across} choices={ACROSS} chosen={(value) => change({ across: value })} />
      <Check
        label="log x"
        about="log x, a logarithmic axis across"
        value={logAcross}
        chosen={(value) => change({ logAcross: value })}
      />
      <Check
        label="log y"
        about="log y, a logarithmic axis upwards"
        value={logUp}
        chosen={(value) => change({ logUp: value })}
      />
      <label class="slider">
        <span>Smooth</span>
        <input
          type="range"
          min={0}
          max={0.98}
          step={0.02}
          value={smoothing}
          onInput={({ currentTarget }) => change({ smoothing: currentTarget.valueAsNumber })}
        />
      </label>
    </div>
  );
}

interface CheckProps {
  readonly label: string;
  readonly about: string;
  readonly value: boolean;
  readonly chosen: (value: boolean) => void;
}

function Check({ label, about, value, chosen }: CheckProps) {
  return (
    <button
      type="button"
      class="toggle"
      aria-pressed={value}
      aria-label={about}
      title={about}
      onClick={() => chosen(!value)}
    >
      {label}
    </button>
  );
}
