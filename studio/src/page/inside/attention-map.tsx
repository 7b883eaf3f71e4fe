/** Which earlier tokens of the text each one looks at, in a layer. */

import { useMemo } from "preact/hooks";
import type { AttentionWeights } from "../../engine/api.ts";
import { percent, spoken, visible } from "../format.ts";
import { type Cell, HeatMap } from "./heat-map.tsx";
import type { Look, Looking } from "./looking.ts";
import { type Picture, strengthOf } from "./paint.ts";

interface AttentionMapProps {
  readonly looking: Looking;
  readonly look: Look;
  readonly attention: AttentionWeights;
}

export function AttentionMap({ looking, look, attention }: AttentionMapProps) {
  const { tokens } = look.inspection;
  const chosen = looking.head.value === undefined ? undefined : Math.min(looking.head.value, attention.heads - 1);
  const values = useMemo(() => weightsOf(attention, tokens.length, chosen), [attention, tokens, chosen]);
  const picture = useMemo(
    (): Picture => ({
      strengths: values.map((value) => strengthOf(value, 1)),
      columns: tokens.length,
      properties: tokens.map(() => "--accent"),
    }),
    [values, tokens],
  );
  const describe = ({ row, column }: Cell) => {
    const [from, to] = [spoken(tokens[row] ?? ""), spoken(tokens[column] ?? "")];
    if (column > row) return `“${from}” (${row + 1}) cannot see “${to}” (${column + 1}): it comes later`;
    return `“${from}” (${row + 1}) looks at “${to}” (${column + 1}): ${percent(values[row * tokens.length + column] ?? 0)}`;
  };
  return (
    <>
      <HeatMap
        picture={picture}
        label={`Attention between ${tokens.length} tokens of the text, ${chosen === undefined ? "mean of all heads" : `head ${chosen + 1}`}`}
        rows={tokens.map(visible)}
        row={looking.place}
        choose={(row) => {
          looking.chosen.value = row;
        }}
        describe={describe}
      />
      <p class="note">A row is a token that looks; a column is one that it looks at.</p>
    </>
  );
}

/** The weights [T, T] of a head, or the mean of all. */
function weightsOf({ weights, heads }: AttentionWeights, tokens: number, head: number | undefined): Float32Array {
  const size = tokens * tokens;
  if (head !== undefined) return weights.slice(head * size, (head + 1) * size);
  const mean = new Float32Array(size);
  for (const [index, weight] of weights.entries()) {
    const place = index % size;
    mean[place] = (mean[place] ?? 0) + weight / heads;
  }
  return mean;
}
