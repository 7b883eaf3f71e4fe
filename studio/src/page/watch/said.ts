/** What a model wrote, as it is shown. */

/** What stands for a sample in which there is nothing to be seen. */
export const ONLY_BLANKS = "(only spaces and line breaks)";

/** A sample without space around it, and with one empty line at most between two others: a young model writes many of them. */
export function shownText(text: string): string {
  return text.trim().replace(/\n\s*\n/g, "\n\n") || ONLY_BLANKS;
}
