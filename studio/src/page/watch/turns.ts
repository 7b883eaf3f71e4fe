/** Whose turn it is among runs that are compared: the one that has had the fewest operations. */

import type { RunView } from "../../engine/api.ts";

/** Share of the others' work below which a run is said to catch up. */
const LEVEL = 0.97;

export type Turn =
  | { readonly kind: "training" }
  | { readonly kind: "catching up"; readonly share: number }
  | { readonly kind: "waiting" };

/** What a run does while those beside it train too; undefined where it does not train. */
export function turnOf(run: RunView, family: readonly RunView[]): Turn | undefined {
  const training = family.filter(
    ({ summary }) => summary.status.kind === "training" || summary.status.kind === "starting",
  );
  if (!training.includes(run)) return undefined;
  const most = Math.max(...training.map(spent));
  const least = Math.min(...training.map(spent));
  if (least >= LEVEL * most) return { kind: "training" };
  return spent(run) === least ? { kind: "catching up", share: least / most } : { kind: "waiting" };
}

const spent = ({ training }: RunView) => training.at(-1)?.flops ?? 0;
