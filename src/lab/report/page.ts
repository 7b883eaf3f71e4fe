/** The report as a page. */

import { html } from "./html.ts";
import { lossFigure } from "./loss-figure.ts";
import type { Report } from "./report.ts";
import { againSection, growthSection, sampleSection, validationDetails } from "./sections.ts";
import { renderShell } from "./shell.ts";

/**
 * A page of HTML about a training run, which needs nothing else: no script, no network. Parts without records are
 * left out, and a long run's curves are thinned, so that the size depends little on the number of steps.
 *
 * @throws TypeError where the configuration has no JSON (a cycle, a bigint).
 */
export function renderReport(report: Report): string {
  const sections = html`<section>
<h2>Loss</h2>
${lossFigure(report)}
${validationDetails(report)}
</section>
${growthSection(report)}${sampleSection(report)}${againSection(report)}`;
  return renderShell({ ...report, sections });
}
