/** The report as a page. */

import { html, Markup } from "./html.ts";
import { lossFigure } from "./loss-figure.ts";
import type { Fact, Report } from "./report.ts";
import { againSection, growthSection, sampleSection, validationDetails } from "./sections.ts";
import { style } from "./style.ts";

/** A model may write anything, so the page is barred from loading or running whatever might slip into it. */
const policy = "default-src 'none'; style-src 'unsafe-inline'";

/**
 * A page of HTML about a training run, which needs nothing else: no script, no network. Parts without records are
 * left out, and a long run's curves are thinned, so that the size depends little on the number of steps.
 *
 * @throws TypeError where the configuration has no JSON (a cycle, a bigint).
 */
export function renderReport(report: Report): string {
  const page = html`<!doctype html>
<html lang="en-GB">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<title>${report.title}</title>
<style>${new Markup(style)}</style>
</head>
<body>
<main>
<header>
<h1>${report.title}</h1>
<p class="subtitle">${report.subtitle}</p>
</header>
${facts(report.facts)}
<section>
<h2>Loss</h2>
${lossFigure(report)}
${validationDetails(report)}
</section>
${growthSection(report)}${sampleSection(report)}${againSection(report)}
</main>
</body>
</html>
`;
  return page.source;
}

function facts(all: readonly Fact[]): Markup {
  if (all.length === 0) return html``;
  const items = all.map(({ name, value }) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`);
  return html`<dl class="facts">${items}</dl>`;
}
