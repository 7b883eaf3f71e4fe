/** The numbers of a run at a glance. */

import type { RunView } from "../../engine/api.ts";
import { bytes, compact, count, loss, rate } from "../format.ts";

export function Tiles({ run }: { readonly run: RunView }) {
  const last = run.training.at(-1);
  return (
    <dl class="tiles">
      <Tile name="Step" value={count(run.summary.step)} />
      <Tile name="Held-out loss" value={loss(run.validation.at(-1)?.loss)} />
      <Tile
        name={run.pieces === "byte-pairs" ? "Pieces/s" : "Characters/s"}
        value={last === undefined ? "–" : rate(last.tokensPerSecond)}
      />
      <Tile name="Parameters" value={compact(run.summary.parameters)} />
      <Tile name="Memory" value={bytes(run.memory)} />
    </dl>
  );
}

function Tile({ name, value }: { readonly name: string; readonly value: string }) {
  return (
    <div class="tile">
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}
