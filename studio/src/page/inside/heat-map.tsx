/**
 * A heat map whose cells can be read by pointer and by keyboard: a picture, and a cursor over it. To assistive technology it is a
 * slider in two directions, whose value is the cell in words.
 */

import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import { theme } from "../parts/theme.tsx";
import { type Picture, paint } from "./paint.ts";

export interface Cell {
  readonly row: number;
  readonly column: number;
}

interface HeatMapProps {
  readonly picture: Picture;
  readonly label: string;
  /** What stands along the left edge, as far as there is room. */
  readonly rows: readonly string[];
  /** The row that is marked. */
  readonly row: number;
  readonly choose: (row: number) => void;
  /** A cell in words with its number. */
  readonly describe: (cell: Cell) => string;
  /** What stands above the columns. */
  readonly children?: ComponentChildren;
}

/** Rows that have room for their label. */
const LABELLED = 64;

export function HeatMap({ picture, label, rows, row, choose, describe, children }: HeatMapProps) {
  const id = useId();
  const canvas = useRef<HTMLCanvasElement>(null);
  const cursor = useSignal<Cell | undefined>(undefined);
  const now = theme.value;
  useEffect(() => {
    if (canvas.current !== null) paint(canvas.current, picture);
  }, [picture, now]);

  const size = { rows: rows.length, columns: picture.columns };
  const shown = cursor.value === undefined ? undefined : within(cursor.value, size);
  const point = (event: PointerEvent) => {
    cursor.value = cellAt(event, size);
  };
  const move = (event: KeyboardEvent) => {
    const to = moved(cursor.peek() ?? { row, column: 0 }, event, size);
    if (to === undefined) return;
    event.preventDefault();
    cursor.value = to;
    choose(to.row);
  };
  return (
    <div class="heat-map">
      {children}
      <div class="heat-body" style={{ "--rows": rows.length, "--columns": picture.columns }}>
        <div class="heat-rows" aria-hidden="true">
          {rows.length <= LABELLED && rows.map((text, index) => <span key={`${index} ${text}`}>{text}</span>)}
        </div>
        <div
          class="heat-cells"
          role="slider"
          aria-roledescription="heat map"
          aria-label={label}
          aria-valuemin={0}
          aria-valuemax={size.rows * size.columns - 1}
          aria-valuenow={shown === undefined ? 0 : shown.row * size.columns + shown.column}
          aria-valuetext={shown === undefined ? "no cell" : describe(shown)}
          aria-describedby={`${id}-help`}
          tabIndex={0}
          onKeyDown={move}
          onPointerMove={point}
          onPointerDown={(event) => choose(cellAt(event, size).row)}
          onFocus={() => {
            cursor.value ??= { row, column: 0 };
          }}
        >
          <canvas ref={canvas} />
          <i class="heat-row" style={{ "--row": row }} />
          {shown !== undefined && <i class="heat-cursor" style={{ "--row": shown.row, "--column": shown.column }} />}
        </div>
      </div>
      <p class="heat-value numbers">
        {shown === undefined ? "Point at a cell, or move there with the arrow keys." : describe(shown)}
      </p>
      <span id={`${id}-help`} hidden>
        Arrow keys move between cells, with Shift ten at a time.
      </span>
    </div>
  );
}

interface Size {
  readonly rows: number;
  readonly columns: number;
}

const clamp = (value: number, below: number) => Math.max(0, Math.min(value, below - 1));

const within = ({ row, column }: Cell, { rows, columns }: Size): Cell => ({
  row: clamp(row, rows),
  column: clamp(column, columns),
});

function cellAt({ clientX, clientY, currentTarget }: PointerEvent, size: Size): Cell {
  if (!(currentTarget instanceof Element)) return { row: 0, column: 0 };
  const { left, top, width, height } = currentTarget.getBoundingClientRect();
  const [row, column] = [((clientY - top) / height) * size.rows, ((clientX - left) / width) * size.columns];
  return within({ row: Math.floor(row), column: Math.floor(column) }, size);
}

const STEPS: Readonly<Record<string, readonly [rows: number, columns: number]>> = {
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
  PageUp: [-10, 0],
  PageDown: [10, 0],
};

function moved({ row, column }: Cell, { key, shiftKey }: KeyboardEvent, size: Size): Cell | undefined {
  if (key === "Home") return { row, column: 0 };
  if (key === "End") return { row, column: size.columns - 1 };
  const step = STEPS[key];
  if (step === undefined) return undefined;
  const times = shiftKey ? 10 : 1;
  return within({ row: row + times * step[0], column: column + times * step[1] }, size);
}
