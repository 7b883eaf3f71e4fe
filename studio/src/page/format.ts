/** Numbers, amounts and characters as people read them. */

import type { Pieces } from "../engine/api.ts";

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });
const ago = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

/** 12,345. */
export const count = (value: number) => whole.format(value);

const steady = new Intl.NumberFormat("en", {
  notation: "compact",
  minimumSignificantDigits: 3,
  maximumSignificantDigits: 3,
});

/** 15.0K: as many digits whatever they are, for what changes all the time. */
export const rate = (value: number) => steady.format(value);

/** 1.23M. */
export const compact = (value: number) => short.format(value);

/** A loss: 2.345. */
export const loss = (value: number | undefined) =>
  value === undefined || !Number.isFinite(value) ? "–" : value.toFixed(3);

/** 12.3 %, with a narrow no-break space. */
export const percent = (share: number, digits = 1) => `${(100 * share).toFixed(digits)}\u202f%`;

/** + 73 %. */
export function change(before: number, after: number): string {
  const ratio = before === 0 ? 0 : after / before - 1;
  return `${ratio < 0 ? "−" : "+"}${percent(Math.abs(ratio), 0)}`;
}

/** A very small or very large number: 1.2 × 10⁻⁶. */
export function scientific(value: number): string {
  if (value === 0) return "0";
  const [digits = "", exponent = "0"] = value.toExponential(1).split("e");
  return `${digits}\u202f×\u202f10${superscript(Number(exponent))}`;
}

function superscript(exponent: number): string {
  return Array.from(String(exponent), (sign) => (sign === "-" ? "⁻" : ("⁰¹²³⁴⁵⁶⁷⁸⁹"[Number(sign)] ?? ""))).join("");
}

const scaled = (units: readonly string[], base: number) => (value: number) => {
  let unit = 0;
  while (value >= base && unit < units.length - 1) {
    value /= base;
    unit++;
  }
  const digits = unit === 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return `${value.toFixed(digits)}\u202f${units[unit] ?? ""}`;
};

/** 14.2 MB. */
export const bytes = scaled(["B", "kB", "MB", "GB", "TB"], 1024);

/** 3.21 TFLOP. */
export const flops = scaled(["FLOP", "kFLOP", "MFLOP", "GFLOP", "TFLOP", "PFLOP", "EFLOP"], 1000);

/** 2 min 05 s. */
export function duration(seconds: number): string {
  const total = Math.round(seconds);
  if (total < 60) return `${total}\u202fs`;
  const minutes = Math.floor(total / 60);
  if (minutes < 60) return `${minutes}\u202fmin ${String(total % 60).padStart(2, "0")}\u202fs`;
  return `${Math.floor(minutes / 60)}\u202fh ${String(minutes % 60).padStart(2, "0")}\u202fmin`;
}

const SPANS = [
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
] as const;

/** 3 minutes ago. */
export function since(moment: number, now = Date.now()): string {
  for (const [unit, span] of SPANS) {
    if (now - moment >= span) return ago.format(-Math.floor((now - moment) / span), unit);
  }
  return "just now";
}

/** A token so that it can be seen: spaces and ends of lines have signs. */
export const visible = (token: string) => token.replaceAll(" ", "␣").replaceAll("\n", "⏎").replaceAll("\t", "⇥");

const NAMES: Readonly<Record<string, string>> = { " ": "space", "\n": "new line", "\t": "tab" };

/** A token for a screen reader. */
export const spoken = (token: string) => NAMES[token] ?? token;

/** What a text is cut into, for people: "token" is kept for parameter tokens. */
export const pieceName = (pieces: Pieces) => (pieces === "byte-pairs" ? "piece" : "character");

/** "1 layer", "4 layers". */
export const plural = (amount: number, noun: string) => `${count(amount)} ${noun}${amount === 1 ? "" : "s"}`;

/** The name of a file or a place in a configuration, which is not to be changed. */
const NAME = /^[\w-]*[./][\w./-]*/;

/** Words as a sentence: "A width of 128 …." */
export function sentence(words: string): string {
  const capitalised = NAME.test(words) ? words : `${words.charAt(0).toUpperCase()}${words.slice(1)}`;
  return `${capitalised}${/[.!?…]$/.test(words) ? "" : "."}`;
}
