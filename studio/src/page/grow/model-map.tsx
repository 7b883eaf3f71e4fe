/**
 * The model as its parameter tokens: a bar for each projection, banded by birth, each band as bright as its tokens are used. Those
 * to come are drawn in outline; when they come, they slide in, and are silent at first.
 */

import type { RunView, SiteView, UsagePoint } from "../../engine/api.ts";
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

/** How bright tokens are that are silent, from 0 to 1. */
const SILENT = 0.28;

export function ModelMap({ run, choice }: { readonly run: RunView; readonly choice: GrowthChoice }) {
  const { add } = requestOf(run, choice);
  const coming = (site: SiteView) => (grows(site, choice) ? (add[site.kind] ?? 0) : 0);
  const born = births(run.sites);
  const tokensOf = (row: readonly SiteView[]) => row.reduce((sum, site) => sum + site.tokens + coming(site), 0);
  const widest = Math.max(1, ...rows(run).map(tokensOf));
  const total = run.sites.reduce((sum, { tokens }) => sum + tokens, 0);
  const [first = []] = rows(run);
  return (
    <figure class="model-map" role="img" aria-label={`${count(total)} parameter tokens in ${rows(run).length} layers`}>
      <div class="map-row map-names">
        {first.map((site) => (
          <span key={site.path} style={share(site.tokens + coming(site))}>
            {NAMES[site.kind]}
          </span>
        ))}
        <span style={share(widest - tokensOf(first))} />
      </div>
      {rows(run).map((row) => (
        <div key={row[0]?.layer} class="map-row">
          {row.map((site) => (
            <Bar key={site.path} site={site} coming={coming(site)} born={born} usage={run.usage.at(-1)} />
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
  readonly usage: UsagePoint | undefined;
}

function Bar({ site, coming, born, usage }: BarProps) {
  return (
    <span
      class="map-bar"
      style={share(site.tokens + coming)}
      title={`${NAMES[site.kind]}: ${count(site.tokens)} tokens`}
    >
      {site.generations.map((generation, index) => (
        <i
          key={`${generation.born} ${index}`}
          class={generation.born === 0 ? undefined : "added"}
          style={{
            ...share(generation.tokens),
            background: `var(${generationProperty(birthIndex(born, generation.born))})`,
            opacity: brightness(usage, generation.born),
          }}
        />
      ))}
      {coming > 0 && <i class="coming" style={share(coming)} />}
    </span>
  );
}

/** How bright the tokens of a birth are drawn, by what they bring to the outputs beside what they would if all brought as much. */
export function brightness(usage: UsagePoint | undefined, born: number): number {
  const found = usage?.generations.find((generation) => generation.born === born);
  if (found === undefined) return born === 0 ? 1 : SILENT;
  return SILENT + (1 - SILENT) * Math.min(1, found.contributionShare / Math.max(found.tokenShare, 1e-9));
}
