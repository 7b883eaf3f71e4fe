/** HTML that cannot forget to escape: whatever a template is given is text, unless it is `Markup` already. */

/** Finished HTML. */
export class Markup {
  readonly source: string;

  constructor(source: string) {
    this.source = source;
  }
}

type Content = string | number | Markup | readonly Markup[];

/** A template of HTML: strings and numbers are escaped, markup is not. Attributes must be in double quotes. */
export function html(parts: TemplateStringsArray, ...contents: readonly Content[]): Markup {
  return new Markup(parts.map((part, at) => part + sourceOf(contents[at] ?? "")).join(""));
}

function sourceOf(content: Content): string {
  if (typeof content === "string" || typeof content === "number") return escapeText(String(content));
  return content instanceof Markup ? content.source : content.map((markup) => markup.source).join("");
}

const entities = new Map([
  ["&", "&amp;"],
  ["<", "&lt;"],
  [">", "&gt;"],
  ['"', "&quot;"],
  ["'", "&#39;"],
]);

/** Models write control characters, which HTML forbids: they are shown as their pictures, ␀ to ␟. */
function escapeText(text: string): string {
  return text
    .replaceAll("\r\n", "\n")
    .replace(/[&<>"']/g, (character) => entities.get(character) ?? character)
    .replace(/[^\P{Cc}\t\n]/gu, (character) => {
      const code = character.charCodeAt(0);
      return code < 0x20 ? String.fromCharCode(0x2400 + code) : "�";
    });
}
