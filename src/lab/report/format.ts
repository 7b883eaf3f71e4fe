/** Numbers for people: three significant digits, a unit, no trailing zeros. */

const trillion = ["", "k", "M", "B", "T"];
const metric = ["", "k", "M", "G", "T", "P", "E"];

/** A count: 1060000 is "1.06 M"; k, M, B and T are a thousand, a million, a billion and a trillion. */
export function formatCount(count: number): string {
  return scaled(count, trillion).trim();
}

/** A rate: (12345, "tokens") is "12.3 k tokens/s". */
export function formatRate(perSecond: number, unit: string): string {
  return `${formatCount(perSecond)} ${unit}/s`;
}

/** Floating-point operations: 1.2e15 is "1.2 PFLOP". */
export function formatFlops(operations: number): string {
  return `${scaled(operations, metric)}FLOP`;
}

/** Bytes in powers of 1000: 1500000 is "1.5 MB". */
export function formatBytes(bytes: number): string {
  return `${scaled(bytes, metric)}B`;
}

/** Seconds, in at most two units: "850 ms", "59.9 s", "1 min 42 s", "2 h 5 min", "1 d 3 h". */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds)) return String(seconds);
  if (seconds < 0) return `−${formatDuration(-seconds)}`;
  const milliseconds = significant(seconds * 1000);
  if (milliseconds < 1000) return milliseconds === 0 ? "0 s" : `${plain(milliseconds)} ms`;
  const tenths = Math.round(seconds * 10);
  if (tenths < 600) return `${plain(tenths / 10)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return pair(whole, 60, "min", "s");
  const minutes = Math.round(seconds / 60);
  if (minutes < 24 * 60) return pair(minutes, 60, "h", "min");
  return pair(Math.round(seconds / 3600), 24, "d", "h");
}

/** A loss, in nats: three decimals, or scientific from 10⁵ on. */
export function formatLoss(loss: number): string {
  return Math.abs(loss) < 1e5 ? loss.toFixed(3) : formatScientific(loss);
}

/** Scientific notation: 2.14e-6 is "2.1 × 10⁻⁶". */
export function formatScientific(value: number): string {
  if (value === 0 || !Number.isFinite(value)) return plain(value);
  const [digits = "", exponent = ""] = value.toExponential(1).split("e");
  const power = Array.from(exponent.replace("+", ""), (character) => superscripts.get(character) ?? character);
  return `${plain(Number(digits))} × 10${power.join("")}`;
}

/** A whole number with its thousands apart: 12500 is "12,500". */
export function formatInteger(value: number): string {
  whole ??= new Intl.NumberFormat("en-GB", { maximumFractionDigits: 0 });
  return whole.format(value);
}

/** Made where it is first needed: that takes some 20 ms, and most commands write no such number. */
let whole: Intl.NumberFormat | undefined;

/** A share of one: 0.213 is "21%". */
export function formatShare(share: number): string {
  const percent = share * 100;
  return percent > 0 && percent < 0.5 ? "< 1%" : `${plain(Math.round(percent))}%`;
}

const superscripts = new Map(Array.from("-0123456789", (character, at) => [character, [..."⁻⁰¹²³⁴⁵⁶⁷⁸⁹"][at]]));

/** The value with a prefix; ends in a space where there is no prefix, so that a unit can follow. */
function scaled(value: number, prefixes: readonly string[]): string {
  const rounded = significant(value); // first, or 999999 would be "1000 k"
  let order = 0;
  while (order + 1 < prefixes.length && Math.abs(rounded) >= 1000 ** (order + 1)) order++;
  return `${plain(significant(rounded / 1000 ** order))} ${prefixes[order] ?? ""}`;
}

const significant = (value: number): number => Number(value.toPrecision(3));

const plain = (value: number): string => String(value).replace("-", "−");

function pair(value: number, base: number, large: string, small: string): string {
  const rest = value % base;
  const head = `${Math.floor(value / base)} ${large}`;
  return rest === 0 ? head : `${head} ${rest} ${small}`;
}
