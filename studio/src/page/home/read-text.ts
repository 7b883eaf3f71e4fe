/** A file as text, or why it is none. */

import { bytes } from "../format.ts";
import { tell } from "../store/state.ts";

/** A character-level model learns nothing from more, and the tab would run short of memory. */
const LARGEST = 50 * 2 ** 20;

export async function readText(file: File): Promise<{ name: string; text: string } | { fault: string }> {
  const { name, size } = file;
  if (size === 0) return { fault: `${name} is empty; choose another file.` };
  if (size > LARGEST)
    return { fault: `${name} has ${bytes(size)}; at most ${bytes(LARGEST)} can be learnt from here.` };
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(await file.arrayBuffer());
    if (text.includes("\0")) return { fault: `${name} is not a text; choose a plain text file.` };
    return { name: name.replace(/\.[^.]+$/, ""), text: text.replaceAll("\r\n", "\n") };
  } catch {
    return { fault: `${name} is not plain text in UTF-8; save it as UTF-8 text, and choose it again.` };
  }
}

/** A file as a text to learn from. Where it is none, the visitor is told why. */
export async function textChoiceOf(file: File) {
  const read = await readText(file);
  if (!("fault" in read)) return { kind: "own", ...read } as const;
  tell(read.fault, "fault");
  return undefined;
}
