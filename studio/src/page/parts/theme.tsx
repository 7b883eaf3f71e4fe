/** Light or dark: as the system has it, until the visitor chooses. */

import { signal } from "@preact/signals";

type Theme = "light" | "dark";

const KEY = "theme";
const system = matchMedia("(prefers-color-scheme: dark)");

const isTheme = (value: string | null): value is Theme => value === "light" || value === "dark";

function kept(): Theme | undefined {
  try {
    const value = localStorage.getItem(KEY);
    return isTheme(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

const ofSystem = (): Theme => (system.matches ? "dark" : "light");
const chosen = signal<Theme | undefined>(kept());

/** What is shown. Canvases are drawn anew when it changes. */
export const theme = signal<Theme>(chosen.peek() ?? ofSystem());

system.addEventListener("change", () => set(chosen.peek() ?? ofSystem()));

function set(value: Theme): void {
  document.documentElement.dataset["theme"] = value;
  theme.value = value;
}

set(theme.peek());

export function ThemeButton() {
  const other: Theme = theme.value === "dark" ? "light" : "dark";
  return (
    <button
      type="button"
      class="plain icon"
      aria-label={`Switch to ${other}`}
      title={`Switch to ${other}`}
      onClick={() => choose(other)}
    >
      <svg viewBox="0 0 20 20" width="20" height="20" aria-hidden="true">
        <circle cx="10" cy="10" r="6.5" fill="none" stroke="currentColor" stroke-width="1.5" />
        <path d="M10 3.5a6.5 6.5 0 0 1 0 13z" fill="currentColor" />
      </svg>
    </button>
  );
}

function choose(value: Theme): void {
  chosen.value = value;
  set(value);
  try {
    localStorage.setItem(KEY, value);
  } catch {
    // Without storage the choice ends with the visit.
  }
}
