/** Panels of which one is shown, by the keys that people expect: arrows, Home and End. */

import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";

export interface Tab {
  readonly key: string;
  readonly title: string;
  readonly content: () => ComponentChildren;
}

export function Tabs({ label, tabs }: { readonly label: string; readonly tabs: readonly Tab[] }) {
  const chosen = useSignal(0);
  const index = Math.min(chosen.value, tabs.length - 1);
  const move = (event: KeyboardEvent) => {
    const to = target(event.key, index, tabs.length);
    if (to === undefined) return;
    event.preventDefault();
    chosen.value = to;
    document.getElementById(`tab-${tabs[to]?.key}`)?.focus();
  };
  return (
    <section class="card tabs" aria-label={label}>
      <div role="tablist" aria-label={label} onKeyDown={move}>
        {tabs.map(({ key, title }, position) => (
          <button
            key={key}
            id={`tab-${key}`}
            type="button"
            role="tab"
            aria-selected={position === index}
            aria-controls={`panel-${key}`}
            tabIndex={position === index ? 0 : -1}
            onClick={() => {
              chosen.value = position;
            }}
          >
            {title}
          </button>
        ))}
      </div>
      {tabs.map(({ key, content }, position) => (
        <div key={key} id={`panel-${key}`} role="tabpanel" aria-labelledby={`tab-${key}`} hidden={position !== index}>
          {position === index && content()}
        </div>
      ))}
    </section>
  );
}

function target(key: string, index: number, amount: number): number | undefined {
  if (key === "ArrowRight") return (index + 1) % amount;
  if (key === "ArrowLeft") return (index + amount - 1) % amount;
  if (key === "Home") return 0;
  if (key === "End") return amount - 1;
  return undefined;
}
