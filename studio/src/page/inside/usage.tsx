/** How much tokens of each age are used over time: what shows that new ones come alive. */

import { useSignal } from "@preact/signals";
import { useMemo } from "preact/hooks";
import type uPlot from "uplot";
import type { GenerationShare, RunView, UsagePoint } from "../../engine/api.ts";
import { compact, count, percent } from "../format.ts";
import { Chart } from "../parts/chart.tsx";
import { colour } from "../parts/colours.ts";
import { birthName, birthProperty, births as birthsIn } from "../parts/generations.ts";
import { theme } from "../parts/theme.tsx";

type Share = "contributionShare" | "massShare";

export function Usage({ run }: { readonly run: RunView }) {
  const share = useSignal<Share>("contributionShare");
  const last = run.usage.at(-1);
  const births = useMemo(() => birthsIn(run.sites), [run.sites]);
  const data = useMemo(() => stacked(run.usage, births, share.value), [run.usage, births, share.value]);
  if (run.sites.length === 0) return null;
  return (
    <section class="usage" aria-labelledby="usage-title">
      <div class="section-head">
        <h3 id="usage-title">How much old and new parameter tokens are used</h3>
        {last !== undefined && (
          <select
            aria-label="What is measured"
            value={share.value}
            onChange={({ currentTarget }) => {
              share.value = currentTarget.value === "massShare" ? "massShare" : "contributionShare";
            }}
          >
            <option value="contributionShare">share of what they bring to the outputs</option>
            <option value="massShare">share of the weight that they get</option>
          </select>
        )}
      </div>
      {last === undefined ? (
        <p class="empty">
          {births.length < 2
            ? "All parameter tokens are of the same age. Grow the model, and this shows how the new ones come into use."
            : "It is measured on held-out text as training goes on."}
        </p>
      ) : (
        <>
          <Chart
            data={data}
            options={options(births)}
            shape={`${theme.value} ${births.join(" ")}`}
            label={`Shares by age over the updates. ${last.generations.map((one) => `${birthName(one.born)} ${percent(one[share.value])}`).join(", ")} at step ${last.step}.`}
          />
          <UsageTable generations={last.generations} births={births} />
        </>
      )}
    </section>
  );
}

/** Steps, and for each age the sum of the shares up to it [ages + 1][points]. */
function stacked(usage: readonly UsagePoint[], births: readonly number[], share: Share): uPlot.AlignedData {
  const sums = births.map((limit) =>
    usage.map(({ generations }) =>
      generations.reduce((sum, generation) => sum + (generation.born <= limit ? generation[share] : 0), 0),
    ),
  );
  return [usage.map(({ step }) => step), ...sums];
}

function options(births: readonly number[]): Omit<uPlot.Options, "width" | "height"> {
  const axis = {
    stroke: colour("--quiet"),
    grid: { stroke: colour("--line"), width: 1 },
    ticks: { show: false },
    font: "12px system-ui, sans-serif",
  };
  const colours = births.map((born) => colour(birthProperty(births, born)));
  const words = (format: (value: number) => string) => (_: uPlot, splits: readonly (number | null)[]) =>
    splits.map((value) => (value === null ? "" : format(value)));
  return {
    legend: { show: false },
    padding: [8, 30, 0, 0],
    cursor: { y: false, points: { show: false } },
    scales: { x: { time: false }, y: { range: [0, 1] } },
    axes: [
      { ...axis, values: words(compact), space: 80 },
      { ...axis, size: 52, values: words((value) => percent(value, 0)) },
    ],
    series: [
      {},
      ...colours.map((stroke, index) => ({
        stroke,
        width: 1,
        points: { show: false },
        ...(index === 0 && { fill: stroke }),
      })),
    ],
    bands: colours.slice(1).map((fill, index): uPlot.Band => ({ series: [index + 2, index + 1], fill })),
  };
}

interface UsageTableProps {
  readonly generations: readonly GenerationShare[];
  readonly births: readonly number[];
}

function UsageTable({ generations, births }: UsageTableProps) {
  return (
    <table>
      <thead>
        <tr>
          <th scope="col">Parameter tokens</th>
          <th scope="col">How many</th>
          <th scope="col">Of all</th>
          <th scope="col">Of the weight</th>
          <th scope="col">Of the outputs</th>
        </tr>
      </thead>
      <tbody>
        {generations.map(({ born, tokens, tokenShare, massShare, contributionShare }) => (
          <tr key={born}>
            <th scope="row">
              <i class="swatch" style={{ background: `var(${birthProperty(births, born)})` }} />
              {birthName(born)}
            </th>
            <td>{count(tokens)}</td>
            <td>{percent(tokenShare)}</td>
            <td>{percent(massShare)}</td>
            <td>{percent(contributionShare)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
