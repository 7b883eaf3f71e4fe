/** An ordinary layer: a matrix, which to make larger is to change what is around it. */

import { useSignal } from "@preact/signals";
import { engine } from "../store/state.ts";
import { useAnswer } from "./answer.ts";
import { DirectionSlider, direction, signed } from "./slider.tsx";

/** Of three channels; the last row and column are those of the wider one, drawn at random as all of them were. */
const MATRIX = [
  [0.8, -0.5, 0.3, 0.6],
  [-0.2, 0.9, 0.4, -0.7],
  [0.5, 0.1, -0.9, 0.2],
  [-0.6, 0.7, 0.4, 0.3],
] as const;
const NARROW = 3;

export function OrdinaryFigure() {
  const angle = useSignal(40);
  const wide = useSignal(false);
  const size = wide.value ? MATRIX.length : NARROW;
  const [x, y] = direction(angle.value);
  const [u, v] = direction(2 * angle.value);
  const row = [x, y, u, v];
  const answerOf = (channels: number) =>
    engine().smallProduct({
      row: row.slice(0, channels),
      matrix: MATRIX.slice(0, channels).map((line) => line.slice(0, channels)),
    });
  const before = useAnswer(`${angle.value}`, () => answerOf(NARROW));
  const now = useAnswer(`${angle.value} ${size}`, () => answerOf(size));
  const was = before.value ?? [];
  const is = now.value ?? [];
  const change = Math.max(0, ...was.map((value, index) => Math.abs(value - (is[index] ?? value))));
  return (
    <figure class="learn-figure">
      <table class="matrix" aria-label="A row of numbers times a matrix">
        <tbody>
          {MATRIX.slice(0, size).map((line, channel) => (
            <tr key={channel}>
              <th scope="row">{signed(row[channel] ?? 0, 2)}</th>
              {line.slice(0, size).map((weight, column) => (
                <td key={column} class={channel < NARROW && column < NARROW ? "old" : "new"}>
                  {signed(weight, 1)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
        <tfoot>
          <tr>
            <th scope="row">gives</th>
            {Array.from({ length: size }, (_, column) => (
              <td key={column}>{is[column] === undefined ? "–" : signed(is[column], 2)}</td>
            ))}
          </tr>
        </tfoot>
      </table>
      <p class="numbers">
        {size} numbers in, {size} out
        {wide.value && `; what came out before has changed by up to ${change.toFixed(2)}`}.
      </p>
      <DirectionSlider label="What comes in" angle={angle} />
      <button
        type="button"
        onClick={() => {
          wide.value = !wide.peek();
        }}
      >
        {wide.value ? "As it was" : "Make it wider"}
      </button>
    </figure>
  );
}
