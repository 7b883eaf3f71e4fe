/** What a model wrote, as it is shown. */

/** For a sample in which there is nothing to be seen. */
export const ONLY_BLANKS = "(only spaces and line breaks)";

/** Without space around it, and with an empty line at most between two others: a young model writes many of them. */
export function shownText(text: string): string {
  return text.trim().replace(/\n\s*\n/g, "\n\n") || ONLY_BLANKS;
}
