/** A run: its curves, its growth, and what the model does. */

import { useSignal } from "@preact/signals";
import type { RunView } from "../../engine/api.ts";
import { ComparePanel } from "../grow/compare-panel.tsx";
import { GrowPanel } from "../grow/grow-panel.tsx";
import { SkillPanel } from "../grow/skill-panel.tsx";
import { SkillsPanel } from "../grow/skills-panel.tsx";
import { InsidePanel } from "../inside/inside-panel.tsx";
import { Tabs } from "../parts/tabs.tsx";
import { SharePanel } from "../share/share-panel.tsx";
import { WritePanel } from "../write/write-panel.tsx";
import { Coach } from "./coach.tsx";
import { LossChart } from "./loss-chart.tsx";
import { RunHead, StatusNote } from "./run-head.tsx";
import { Samples } from "./samples.tsx";
import { Tiles } from "./tiles.tsx";
import { Voice } from "./voice.tsx";

export function RunScreen({ run }: { readonly run: RunView }) {
  const shares = useSignal(false);
  return (
    <div class="run">
      <RunHead run={run} shares={shares} />
      {shares.value && <SharePanel run={run} />}
      <StatusNote run={run} />
      <Coach run={run} />
      <Voice run={run} />
      <Tiles run={run} />
      <div class="bench">
        <LossChart />
        <aside class="bench-side" aria-label="Growing and comparing">
          {run.skill === undefined ? <GrowingPanels run={run} /> : <SkillPanel run={run} skill={run.skill} />}
        </aside>
        <Tabs
          label="What the model does"
          tabs={[
            { key: "samples", title: "As it learns", content: () => <Samples run={run} /> },
            { key: "inside", title: "Look inside", content: () => <InsidePanel run={run} /> },
            { key: "write", title: "Write", content: () => <WritePanel run={run} /> },
          ]}
        />
      </div>
    </div>
  );
}

function GrowingPanels({ run }: { readonly run: RunView }) {
  return (
    <>
      <GrowPanel run={run} />
      <ComparePanel run={run} />
      <SkillsPanel run={run} />
    </>
  );
}
