/** Which layer is looked at, which of its sites, and which head. */

import type { ComponentChildren } from "preact";
import type { Inspection } from "../../engine/api.ts";
import type { Looking, SiteKind } from "./looking.ts";

const KINDS: readonly (readonly [kind: SiteKind, name: string])[] = [
  ["query", "query of attention"],
  ["key", "key of attention"],
  ["value", "value of attention"],
  ["projection", "output of attention"],
  ["feedForward", "feed-forward"],
];

export function MapChoices({ looking, inspection }: { readonly looking: Looking; readonly inspection: Inspection }) {
  const { layers, heads, sites } = inspection;
  const kinds = KINDS.filter(([kind]) => sites.some((site) => site.kind === kind));
  return (
    <div class="map-choices">
      <Choice
        name="Layer"
        value={Math.min(looking.layer.value, layers - 1)}
        choose={(layer) => {
          looking.layer.value = Number(layer);
          void looking.again();
        }}
      >
        <Numbers to={layers} />
      </Choice>
      {kinds.length > 0 && (
        <Choice
          name="Parameter tokens of"
          value={looking.kind.value}
          choose={(chosen) => {
            looking.kind.value = kinds.find(([kind]) => kind === chosen)?.[0] ?? "feedForward";
            void looking.again();
          }}
        >
          {kinds.map(([kind, name]) => (
            <option key={kind} value={kind}>
              {name}
            </option>
          ))}
        </Choice>
      )}
      <Choice
        name="Head of attention"
        value={looking.head.value ?? ALL}
        choose={(head) => {
          looking.head.value = head === ALL ? undefined : Number(head);
        }}
      >
        <option value={ALL}>mean of all</option>
        <Numbers to={heads} />
      </Choice>
    </div>
  );
}

const ALL = "all";

interface ChoiceProps {
  readonly name: string;
  readonly value: string | number;
  readonly choose: (value: string) => void;
  readonly children: ComponentChildren;
}

function Choice({ name, value, choose, children }: ChoiceProps) {
  return (
    <label>
      {name}
      <select value={value} onChange={({ currentTarget }) => choose(currentTarget.value)}>
        {children}
      </select>
    </label>
  );
}

function Numbers({ to }: { readonly to: number }) {
  return Array.from({ length: to }, (_, index) => (
    <option key={index} value={index}>
      {index + 1}
    </option>
  ));
}
