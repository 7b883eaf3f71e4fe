/** HTML that cannot forget to escape: whatever a template is given is text, unless it is `Markup` already. */

import { html as escapedTemplate } from "hono/html";
import type { HtmlEscapedString } from "hono/utils/html";

export { raw } from "hono/html";

/** Finished HTML: a string that says of itself that it is escaped. */
export type Markup = HtmlEscapedString;

type Content = string | number | Markup | readonly Markup[];

/** A template of HTML: strings and numbers are escaped, markup is not. Attributes must be in quotes. */
export function html(parts: TemplateStringsArray, ...contents: readonly Content[]): Markup {
  const made = escapedTemplate(
    parts,
    ...contents.map((content) => (typeof content === "string" ? printable(content) : content)),
  );
  if (made instanceof Promise) throw new Error("internal: a template of HTML waits for something");
  return made;
}

/** Models write control characters, which HTML forbids: they are shown as their pictures, ␀ to ␟. */
function printable(text: string): string {
  return text.replaceAll("\r\n", "\n").replace(/[^\P{Cc}\t\n]/gu, (character) => {
    const code = character.charCodeAt(0);
    return code < 0x20 ? String.fromCharCode(0x2400 + code) : "�";
  });
}
