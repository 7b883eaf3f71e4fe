/** The curves of those who sent the links that runs were made of. */

import { z } from "zod";
import type { Recipe } from "./recipe.ts";

const keyOf = (run: string) => `sender of ${run}`;
const schema = z.array(z.object({ step: z.number(), loss: z.number() }));

const known = new Map<string, Recipe["curve"]>();

export function keepSender(run: string, curve: Recipe["curve"]): void {
  known.set(run, curve);
  try {
    localStorage.setItem(keyOf(run), JSON.stringify(curve));
  } catch {
    // It is drawn for as long as the page is open.
  }
}

/** Held-out losses; none where the run was not made of a link. */
export function senderOf(run: string): Recipe["curve"] {
  const found = known.get(run) ?? kept(run);
  known.set(run, found);
  return found;
}

function kept(run: string): Recipe["curve"] {
  try {
    return schema.parse(JSON.parse(localStorage.getItem(keyOf(run)) ?? "[]"));
  } catch {
    // Storage is forbidden, or holds something else.
    return [];
  }
}
