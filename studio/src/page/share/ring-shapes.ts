/** Where the rings of a model lie, and how bright they are. */

import type { Ring } from "./recipe.ts";

/** How bright a ring is whose tokens are silent. */
const SILENT = 0.25;

export const brightness = (use: number) => SILENT + (1 - SILENT) * use;

/** The rings within a radius, the oldest in the middle, each as wide as it has tokens. */
export function ringShapes(rings: readonly Ring[], radius: number) {
  const total = rings.reduce((sum, { tokens }) => sum + tokens, 0);
  let inner = 0;
  return rings.map(({ born, tokens, use }) => {
    const shape = { born, use, inner, width: (radius * tokens) / Math.max(1, total) };
    inner += shape.width;
    return shape;
  });
}
