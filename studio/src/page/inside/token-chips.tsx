/** The text, token by token; the chosen one is asked for what comes next. */

import { count, spoken, visible } from "../format.ts";
import type { Look, Looking } from "./looking.ts";

export function TokenChips({ looking, look }: { readonly looking: Looking; readonly look: Look }) {
  const { tokens } = look.inspection;
  const place = looking.place;
  const focus = looking.chosen.value ?? tokens.length - 1;
  const choose = (to: number, list: HTMLElement) => {
    looking.chosen.value = to;
    const option = list.children[to];
    if (option instanceof HTMLElement) option.focus();
  };
  return (
    <div
      class="chips"
      role="listbox"
      tabIndex={-1}
      aria-label={`The text, ${count(tokens.length)} tokens`}
      aria-orientation="horizontal"
      onKeyDown={(event) => {
        const to = moved(focus, event.key, tokens.length);
        if (to === undefined) return;
        event.preventDefault();
        choose(to, event.currentTarget);
      }}
      onPointerLeave={() => {
        looking.pointed.value = undefined;
      }}
    >
      {tokens.map((token, index) => (
        <button
          key={index}
          type="button"
          role="option"
          class={index === place ? "chip shown" : "chip"}
          aria-selected={index === focus}
          aria-label={spoken(token)}
          tabIndex={index === focus ? 0 : -1}
          onClick={() => {
            looking.chosen.value = index;
          }}
          onPointerEnter={(event) => {
            if (event.pointerType === "mouse") looking.pointed.value = index;
          }}
        >
          {visible(token)}
        </button>
      ))}
    </div>
  );
}

function moved(from: number, key: string, tokens: number): number | undefined {
  if (key === "ArrowRight" || key === "ArrowDown") return Math.min(from + 1, tokens - 1);
  if (key === "ArrowLeft" || key === "ArrowUp") return Math.max(from - 1, 0);
  if (key === "Home") return 0;
  if (key === "End") return tokens - 1;
  return undefined;
}
