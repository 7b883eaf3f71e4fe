/** What all pages of reports have around what they tell: a head, a title and key figures. */

import { html, type Markup, raw } from "./html.ts";
import type { Fact } from "./report.ts";
import { style } from "./style.ts";

/** A model may write anything, so the page is barred from loading or running whatever might slip into it. */
const policy = "default-src 'none'; style-src 'unsafe-inline'";

export interface Shell {
  readonly title: string;
  readonly subtitle: string;
  readonly facts: readonly Fact[];
  /** Rules beside those of all pages. Default: none. */
  readonly moreStyle?: string;
  readonly sections: Markup;
}

/** A page of HTML that needs nothing else: no script, no network. */
export function renderShell({ title, subtitle, facts, moreStyle = "", sections }: Shell): string {
  const page = html`<!doctype html>
<html lang="en-GB">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<title>${title}</title>
<style>${raw(style + moreStyle)}</style>
</head>
<body>
<main>
<header>
<h1>${title}</h1>
<p class="subtitle">${subtitle}</p>
</header>
${factList(facts)}
${sections}
</main>
</body>
</html>
`;
  return String(page);
}

function factList(facts: readonly Fact[]): Markup {
  if (facts.length === 0) return html``;
  const items = facts.map(({ name, value }) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`);
  return html`<dl class="facts">${items}</dl>`;
}
