/** Python's rules for text, where JavaScript's differ: the tasks' prompts were defined with them. */

/** What `str.isspace` and `\s` take for white space in Python: not the byte order mark, but the separators of ASCII. */
const SPACE = "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const LEADING = new RegExp(`^[${SPACE}]+`, "u");
const TRAILING = new RegExp(`[${SPACE}]+$`, "u");
const RUNS = new RegExp(`[${SPACE}]+`, "u");

/** `text.strip()` */
export const strip = (text: string): string => text.replace(LEADING, "").replace(TRAILING, "");

/** `text.rstrip()` */
export const stripEnd = (text: string): string => text.replace(TRAILING, "");

/** `text.capitalize()`: the first character large, all others small. */
export function capitalise(text: string): string {
  const [first = ""] = text;
  return first.toUpperCase() + text.slice(first.length).toLowerCase();
}

/** `len(text)`: characters, not UTF-16 units. */
export const characters = (text: string): number => [...text].length;

/** `len(re.split(r"\s+", text))` */
export const words = (text: string): number => text.split(RUNS).length;
