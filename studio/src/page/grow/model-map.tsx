/** The model as its parameter tokens: a bar for each projection, banded by birth, with those to come drawn in outline. */

import type { RunView, SiteView } from "../../engine/api.ts";
import { count } from "../format.ts";
import { generationProperty } from "../parts/colours.ts";
import { birthIndex, births } from "../parts/generations.ts";
import { type GrowthChoice, grows, requestOf } from "./request.ts";

const NAMES: Readonly<Record<SiteView["kind"], string>> = {
  query: "query",
  key: "key",
  value: "value",
  projection: "output",
  feedForward: "feed-forward",
};

export function ModelMap({ run, choice }: { readonly run: RunView; readonly choice: GrowthChoice }) {
  const { add } = requestOf(run, choice);
  const coming = (site: SiteView) => (grows(site, choice) ? (add[site.kind] ?? 0) : 0);
  const born = births(run.sites);
  const tokensOf = (row: readonly SiteView[]) => row.reduce((sum, site) => sum + site.tokens + coming(site), 0);
  const widest = Math.max(1, ...rows(run).map(tokensOf));
  const total = run.sites.reduce((sum, { tokens }) => sum + tokens, 0);
  return (
    <figure class="model-map" role="img" aria-label={`${count(total)} parameter tokens in ${rows(run).length} layers`}>
      {rows(run).map((row) => (
        <div key={row[0]?.layer} class="map-row">
          {row.map((site) => (
            <Bar key={site.path} site={site} coming={coming(site)} born={born} />
          ))}
          <span style={share(widest - tokensOf(row))} />
        </div>
      ))}
    </figure>
  );
}

const rows = ({ sites }: RunView) => [...Map.groupBy(sites, ({ layer }) => layer).values()];

const share = (tokens: number) => ({ flex: `${tokens} 1 0` });

interface BarProps {
  readonly site: SiteView;
  readonly coming: number;
  readonly born: readonly number[];
}

function Bar({ site, coming, born }: BarProps) {
  return (
    <span
      class="map-bar"
      style={share(site.tokens + coming)}
      title={`${NAMES[site.kind]}: ${count(site.tokens)} tokens`}
    >
      {site.generations.map((generation, index) => (
        <i
          key={`${generation.born} ${index}`}
          style={{
            ...share(generation.tokens),
            background: `var(${generationProperty(birthIndex(born, generation.born))})`,
          }}
        />
      ))}
      {coming > 0 && <i class="coming" style={share(coming)} />}
    </span>
  );
}
