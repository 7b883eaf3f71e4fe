/** A few choices of which one holds, side by side. */

import { useId } from "preact/hooks";

interface SegmentsProps<T extends string> {
  readonly legend: string;
  readonly value: T;
  readonly choices: readonly (readonly [T, string])[];
  readonly chosen: (value: T) => void;
}

export function Segments<T extends string>({ legend, value, choices, chosen }: SegmentsProps<T>) {
  const group = useId();
  return (
    <fieldset class="segments">
      <legend>{legend}</legend>
      <div>
        {choices.map(([key, words]) => (
          <label key={key}>
            <input type="radio" name={group} checked={key === value} onChange={() => chosen(key)} />
            <span>{words}</span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}
