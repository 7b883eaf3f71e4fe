/** All that the page shows: signals, which events of the engine and the visitor's actions change. */

import { computed, signal } from "@preact/signals";
import type { Engine, Environment, RunSummary, RunView } from "../../engine/api.ts";

/** Whether the engine can be used. */
export type Phase =
  | { readonly kind: "opening" }
  | { readonly kind: "ready"; readonly environment: Environment }
  | { readonly kind: "broken"; readonly message: string };

export const phase = signal<Phase>({ kind: "opening" });

export interface Notice {
  readonly id: number;
  readonly message: string;
  readonly kind: "information" | "fault";
}

export const notices = signal<readonly Notice[]>([]);

/** The runs that are kept in the browser, the last changed first. */
export const summaries = signal<readonly RunSummary[]>([]);

/** The runs whose curves are here: those on the screen, with those beside them. */
export const views = signal<ReadonlyMap<string, RunView>>(new Map());

/** The run on the screen. */
export const openedId = signal<string | undefined>(undefined);

export const opened = computed(() => {
  const id = openedId.value;
  return id === undefined ? undefined : views.value.get(id);
});

/** The run on the screen and those that train beside it, the oldest first. */
export const family = computed((): readonly RunView[] => {
  const run = opened.value;
  if (run === undefined) return [];
  const head = run.summary.besides ?? run.summary.id;
  const others = [...views.value.values()].filter(({ summary }) => (summary.besides ?? summary.id) === head);
  return others.toSorted((a, b) => rank(a) - rank(b));
  function rank({ summary: { id, besides, changed } }: RunView): number {
    if (id === head) return 0;
    return besides === undefined ? 0 : 1 + (creationOrder.get(id) ?? changed);
  }
});

/** The place of each run in the order in which they were first seen, so that colours stay. */
export const creationOrder = new Map<string, number>();

/** What takes a while and cannot be asked for twice: "start", "grow", … */
export const busy = signal<ReadonlySet<string>>(new Set());

/** How curves are drawn. */
export interface ChartOptions {
  readonly unit: "nats" | "bits";
  readonly across: "step" | "tokens" | "flops" | "seconds";
  readonly logAcross: boolean;
  readonly logUp: boolean;
  /** The weight of the past in the exponential moving average, from 0 (none) to below 1. */
  readonly smoothing: number;
}

export const chart = signal<ChartOptions>({
  unit: "nats",
  across: "step",
  logAcross: false,
  logUp: false,
  smoothing: 0.8,
});

let current: Engine | undefined;

/** Sets the engine: once, before anything is shown. */
export function setEngine(engine: Engine): void {
  current = engine;
}

export function engine(): Engine {
  if (current === undefined) throw new Error("internal: the page was shown before it had an engine");
  return current;
}

let noticeCount = 0;

/** Milliseconds for which something is said that asks for nothing; a fault stays until it is dismissed, or three others are told. */
const SAID = 20_000;

export function tell(message: string, kind: Notice["kind"] = "information"): void {
  if (notices.peek().some((notice) => notice.message === message)) return;
  const id = ++noticeCount;
  notices.value = [...notices.peek(), { id, message, kind }].slice(-3);
  if (kind === "information") setTimeout(() => dismiss(id), SAID);
}

export function dismiss(id: number): void {
  notices.value = notices.peek().filter((notice) => notice.id !== id);
}
