/** How strongly each token of the text uses each parameter token of a site, coloured by when they were born. */

import { useMemo } from "preact/hooks";
import type { SiteWeights } from "../../engine/api.ts";
import { count, spoken, visible } from "../format.ts";
import { birthName, birthProperty, births as birthsIn } from "../parts/generations.ts";
import { type Band, columnsOf, nearlyLargest, strongest } from "./columns.ts";
import { type Cell, HeatMap } from "./heat-map.tsx";
import type { Look, Looking } from "./looking.ts";
import { type Picture, strengthOf } from "./paint.ts";
import { useWidth } from "./use-width.ts";

/** Pixels of a column, at least. */
const NARROWEST = 3;

export function ParameterMap({ looking, look, site }: ParameterMapProps) {
  const [box, width] = useWidth();
  const most = Math.max(40, Math.floor((width - 30) / NARROWEST));
  const births = useMemo(() => birthsIn(look.inspection.sites), [look]);
  const layout = useMemo(() => columnsOf(site, most), [site, most]);
  const values = useMemo(() => strongest(site, layout.columns), [site, layout]);
  const picture = useMemo((): Picture => {
    const largest = nearlyLargest(values);
    const properties = layout.columns.map(({ born }) => birthProperty(births, born));
    return {
      strengths: values.map((value) => strengthOf(value, largest)),
      columns: properties.length,
      properties,
    };
  }, [values, layout, births]);
  const describe = ({ row, column }: Cell) => {
    const { from, to, born } = layout.columns[column] ?? { from: 0, to: 1, born: 0 };
    const value = values[row * picture.columns + column] ?? 0;
    const which = to - from === 1 ? `parameter token ${count(from)}` : `strongest of ${count(from)}–${count(to - 1)}`;
    return `“${spoken(look.inspection.tokens[row] ?? "")}” (${row + 1}) × ${which}, ${birthName(born)}: ${value.toFixed(3)}`;
  };
  return (
    <div ref={box}>
      <HeatMap
        picture={picture}
        label={`Weights of ${count(site.parameterTokens)} parameter tokens for ${look.inspection.tokens.length} tokens of the text`}
        rows={look.inspection.tokens.map(visible)}
        row={looking.place}
        choose={(row) => {
          looking.chosen.value = row;
        }}
        describe={describe}
      >
        <Bands bands={layout.bands} births={births} />
      </HeatMap>
      <p class="note">
        {layout.each === 1
          ? "A column is a parameter token; the stronger the colour, the larger its weight."
          : `There are more parameter tokens than fit here: a column shows the strongest of up to ${layout.each} neighbours.`}
      </p>
    </div>
  );
}

interface ParameterMapProps {
  readonly looking: Looking;
  readonly look: Look;
  readonly site: SiteWeights;
}

/** Which columns were born when: a strip above them, and in words. */
function Bands({ bands, births }: { readonly bands: readonly Band[]; readonly births: readonly number[] }) {
  return (
    <>
      <ul class="births">
        {bands.map(({ from, to, born }) => (
          <li key={from}>
            <i class="swatch" style={{ background: `var(${birthProperty(births, born)})` }} />
            {count(to - from)} {birthName(born)}
          </li>
        ))}
      </ul>
      <div class="bands" aria-hidden="true">
        {bands.map(({ from, columns, born }) => (
          <i key={from} class="band" style={{ flexGrow: columns, background: `var(${birthProperty(births, born)})` }} />
        ))}
      </div>
    </>
  );
}
