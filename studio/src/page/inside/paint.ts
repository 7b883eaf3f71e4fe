/** Numbers as a picture: a pixel each, between the colour of nothing and that of its column. */

import { colour } from "../parts/colours.ts";

type Rgb = readonly [red: number, green: number, blue: number];

export interface Picture {
  /** From 0 to 1, row by row. */
  readonly strengths: Float32Array;
  readonly columns: number;
  /** The custom property with the colour of each column. */
  readonly properties: readonly string[];
}

export function paint(canvas: HTMLCanvasElement, { strengths, columns, properties }: Picture): void {
  const rows = strengths.length / columns;
  const context = canvas.getContext("2d");
  if (context === null || columns === 0 || rows === 0) return;
  canvas.width = columns;
  canvas.height = rows;
  const ground = rgb("--heat-0");
  const known = new Map([...new Set(properties)].map((property) => [property, rgb(property)]));
  const image = context.createImageData(columns, rows);
  for (const [index, strength] of strengths.entries()) {
    const full = known.get(properties[index % columns] ?? "") ?? ground;
    for (const channel of [0, 1, 2] as const)
      image.data[4 * index + channel] = ground[channel] + (full[channel] - ground[channel]) * strength;
    image.data[4 * index + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}

function rgb(property: string): Rgb {
  const [red = 0, green = 0, blue = 0] = (colour(property).match(/[\d.]+/g) ?? []).map(Number);
  return [red, green, blue];
}

/** Small weights are made visible beside large ones. */
export const strengthOf = (value: number, largest: number) => Math.min(1, Math.abs(value) / largest) ** 0.6;
