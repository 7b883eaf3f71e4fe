/** The report as plain data, from which the page and the Markdown are both made. */

import type { Verdict } from "../verdicts.ts";
import type { Panel } from "./panel.ts";

export type Block =
  | { readonly kind: "text"; readonly text: string; readonly muted?: boolean }
  | { readonly kind: "lead"; readonly text: string }
  | { readonly kind: "heading"; readonly text: string }
  | { readonly kind: "list"; readonly items: readonly string[] }
  | { readonly kind: "verdicts"; readonly items: readonly JudgedSentence[] }
  | { readonly kind: "answers"; readonly items: readonly Answer[] }
  | Table
  | { readonly kind: "figure"; readonly panels: readonly Panel[]; readonly caption: string }
  | { readonly kind: "code"; readonly text: string }
  | { readonly kind: "details"; readonly summary: string; readonly blocks: readonly Block[] };

export interface JudgedSentence {
  readonly verdict: Verdict;
  readonly text: string;
}

export interface Answer {
  readonly question: string;
  readonly sentences: readonly string[];
}

export interface Table {
  readonly kind: "table";
  /** What it lists, for those who cannot see it. */
  readonly label: string;
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly Cell[])[];
}

export interface Column {
  readonly title: string;
  readonly number?: boolean;
}

/** Text, or text with a smaller second line. */
export type Cell = string | { readonly text: string; readonly detail: string };

export interface Section {
  readonly title: string;
  readonly blocks: readonly Block[];
}

export interface StudyDocument {
  readonly title: string;
  readonly subtitle: string;
  readonly facts: readonly { readonly name: string; readonly value: string }[];
  readonly sections: readonly Section[];
}

export const paragraph = (text: string): Block => ({ kind: "text", text });
export const note = (text: string): Block => ({ kind: "text", text, muted: true });

/** A figure, or nothing where there is nothing to draw. */
export const figure = (panels: readonly Panel[], caption: string): Block[] =>
  panels.length === 0 ? [] : [{ kind: "figure", panels, caption }];

/** A table, or nothing where it has no row. */
export const table = (label: string, columns: readonly Column[], rows: readonly (readonly Cell[])[]): Block[] =>
  rows.length === 0 ? [] : [{ kind: "table", label, columns, rows }];

/** Blocks folded away, or nothing where there are none. */
export const details = (summary: string, blocks: readonly Block[]): Block[] =>
  blocks.length === 0 ? [] : [{ kind: "details", summary, blocks }];

/** "a, b and c". */
export const listed = (items: readonly string[]): string =>
  items.length < 2 ? items.join("") : `${items.slice(0, -1).join(", ")} and ${items.slice(-1).join("")}`;

/** "1 seed", "3 seeds". */
export const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`;

export const dash = "–";

/** A share of one: 0.125 is "13 %", with a space at which no line breaks. */
export const percent = (share: number): string =>
  share > 0 && share < 0.005 ? "< 1\u00a0%" : `${Math.round(100 * share)}\u00a0%`.replace("-", "−");
