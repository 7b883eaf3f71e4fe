/** The texts that runs train on. */

import { type CheckpointSummary, UserError } from "tokenformer/browser";
import type { TextChoice } from "./api.ts";
import type { NamedText } from "./pieces.ts";

/** The name of the library's own book: a run of the command line that names it trains on the same characters. */
export const DEFAULT_NAME = "Moby-Dick";

let book: Promise<NamedText> | undefined;

/** The page's own book, fetched when it is first asked for. */
export function defaultText(): Promise<NamedText> {
  book ??= fetchBook();
  // A failed fetch is tried again the next time.
  book.catch(() => {
    book = undefined;
  });
  return book;
}

async function fetchBook(): Promise<NamedText> {
  const response = await fetch(new URL("default.txt", pageAddress()));
  if (!response.ok)
    throw new UserError(
      `the page's text could not be loaded (${response.status}); reload the page, or use your own text`,
    );
  return { name: DEFAULT_NAME, text: await response.text() };
}

/** The folder of the page: the worker's script lies in `assets/` below it, but for vite's own server. */
function pageAddress(): URL {
  return new URL(import.meta.env.DEV ? "/" : "../", self.location.href);
}

export async function textOf(choice: TextChoice): Promise<NamedText> {
  return choice.kind === "default" ? defaultText() : { name: choice.name, text: choice.text };
}

/**
 * The text of a run that came without a choice of one: its own, else the page's.
 * @throws UserError where the page's has characters that the run does not know
 */
export async function fallbackText(
  { tokenizer, dataName }: CheckpointSummary,
  own: string | undefined,
): Promise<NamedText> {
  if (own !== undefined) return { name: dataName, text: own };
  const text = await defaultText();
  try {
    tokenizer?.encode(text.text);
  } catch {
    throw new UserError(
      `this run was trained on ${dataName || "another text"}, which is not in it; choose that text too`,
    );
  }
  return text;
}
