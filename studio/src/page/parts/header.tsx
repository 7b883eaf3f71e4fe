/** The line at the top: where one is, what it runs on, and light or dark. */

import { tellsStory } from "../store/address.ts";
import { openedId, phase } from "../store/state.ts";
import { ThemeButton } from "./theme.tsx";

export function Header() {
  return (
    <header class="top">
      <a
        class="wordmark"
        href="#/"
        aria-current={openedId.value === undefined && !tellsStory.value ? "page" : undefined}
      >
        <Mark />
        TokenFormer studio
      </a>
      <a class="story-link" href="#/learn" aria-current={tellsStory.value ? "page" : undefined}>
        How it works
      </a>
      <p class="device">
        <DeviceWords />
      </p>
      <ThemeButton />
    </header>
  );
}

function DeviceWords() {
  const now = phase.value;
  if (now.kind === "opening") return <span class="quiet">Looking at this device…</span>;
  if (now.kind === "broken") return null;
  return (
    <>
      <span class="quiet">Runs on </span>
      {now.environment.device}
    </>
  );
}

/** Parameter tokens, two of them new. */
function Mark() {
  return (
    <svg class="mark" viewBox="0 0 22 16" width="22" height="16" aria-hidden="true">
      {[0, 1, 2, 3].map((cell) => (
        <rect
          key={cell}
          class={cell > 1 ? "new" : "old"}
          x={cell * 6}
          y={cell > 1 ? 0 : 4}
          width="4"
          height="12"
          rx="1"
        />
      ))}
    </svg>
  );
}
