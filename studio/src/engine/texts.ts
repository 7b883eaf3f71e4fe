/** The texts that runs train on. */

import { type CheckpointSummary, UserError } from "tokenformer/browser";
import type { TextChoice } from "./api.ts";
import { DEFAULT_TEXT, type GalleryText, galleryText, galleryTextNamed, type TextKey } from "./gallery.ts";
import type { NamedText } from "./pieces.ts";

const fetched = new Map<TextKey, Promise<NamedText>>();

/** A text of the page's own, fetched when it is first asked for. */
function textOfGallery(key: TextKey): Promise<NamedText> {
  const text = fetched.get(key) ?? fetchText(galleryText(key));
  fetched.set(key, text);
  // A failed fetch is tried again the next time.
  text.catch(() => fetched.delete(key));
  return text;
}

async function fetchText({ name, path }: GalleryText): Promise<NamedText> {
  const response = await fetch(new URL(path, pageAddress()));
  if (!response.ok)
    throw new UserError(
      `the text ${name} could not be loaded (${response.status}); reload the page, or use your own text`,
    );
  return { name, text: await expanded(await response.blob()) };
}

/** What a file of gzip begins with. */
const GZIP = [0x1f, 0x8b] as const;

/** Some hosts let the browser expand what is compressed, others hand it out as it is. */
async function expanded(file: Blob): Promise<string> {
  const start = new Uint8Array(await file.slice(0, GZIP.length).arrayBuffer());
  if (GZIP.some((byte, index) => start[index] !== byte)) return file.text();
  return new Response(file.stream().pipeThrough(new DecompressionStream("gzip"))).text();
}

/** The folder of the page: the worker's script lies in `assets/` below it, but for vite's own server. */
function pageAddress(): URL {
  return new URL(import.meta.env.DEV ? "/" : "../", self.location.href);
}

export async function textOf(choice: TextChoice): Promise<NamedText> {
  if (choice.kind === "gallery") return textOfGallery(choice.key);
  const { name, text, lossOn } = choice;
  return { name, text, lossOn };
}

/**
 * The text of a run that came without a choice of one: its own, else the page's of that name, else the page's book.
 * @throws UserError where the page's has characters that the run does not know
 */
export async function fallbackText(
  { tokenizer, dataName }: CheckpointSummary,
  own: string | undefined,
): Promise<NamedText> {
  if (own !== undefined) return { name: dataName, text: own };
  const text = await textOfGallery(galleryTextNamed(dataName)?.key ?? DEFAULT_TEXT);
  try {
    tokenizer?.encode(text.text);
  } catch {
    throw new UserError(
      `this run was trained on ${baseName(dataName) || "another text"}, which is not in it; choose that text too`,
    );
  }
  return text;
}

/** The name of a file without the folders that it lay in. */
const baseName = (path: string) => path.split(/[\\/]/).at(-1) ?? "";
