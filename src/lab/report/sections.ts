/** The sections of the page below the loss: growth, samples, and how to run it again. */

import { sampleEvenly } from "./curve.ts";
import { formatCount, formatInteger, formatLoss, formatScientific } from "./format.ts";
import { html, type Markup } from "./html.ts";
import { growthName } from "./marks.ts";
import type { GrowthRecord, Report, SampleRecord, ValidationRecord } from "./report.ts";
import { inOrder, sizeFigure } from "./size-figure.ts";

const nothing = html``;

export function growthSection(report: Report): Markup {
  if (report.growths.length === 0) return nothing;
  const rows = inOrder(report.growths).map(growthRow);
  return html`<section>
<h2>Growth</h2>
${sizeFigure(report)}
<div class="scroll" role="region" aria-label="Table of growths" tabindex="0">
<table>
<thead><tr><th scope="col" class="number">Step</th><th scope="col">Parameters</th><th scope="col">Appended</th><th scope="col">Loss</th><th scope="col">Largest logit change</th></tr></thead>
<tbody>${rows}</tbody>
</table>
</div>
<p class="note">Largest logit change: the largest change of a logit when the tokens were appended. Where it is tiny beside the logits themselves, the grown model computed what the smaller one had computed.</p>
</section>
`;
}

function growthRow(growth: GrowthRecord): Markup {
  const { step, parametersBefore, parametersAfter, lossBefore, lossAfter, summary, init } = growth;
  const factor = (parametersAfter / parametersBefore).toFixed(2);
  const loss = [lossBefore, lossAfter].map((value) => (value === undefined ? "–" : formatLoss(value))).join(" → ");
  return html`<tr>
<th scope="row" class="number">${formatInteger(step)}</th>
<td class="whole">${growthName(growth)}<small>× ${factor}</small></td>
<td class="wide-cell">${summary}<small>initialised: ${init}</small></td>
<td class="whole">${lossBefore === undefined && lossAfter === undefined ? "–" : loss}</td>
<td class="whole">${formatScientific(growth.maxLogitDifference)}<small>of logits up to ${formatCount(growth.logitScale)}</small></td>
</tr>
`;
}

/** The samples step by step: those of one step are side by side. */
export function sampleSection({ samples, growths }: Report): Markup {
  if (samples.length === 0) return nothing;
  const steps = [...new Set(samples.map(({ step }) => step))].sort((a, b) => a - b);
  const moments = steps.map((step) => {
    const grown = growths.filter((growth) => growth.step === step);
    const cards = samples.filter((sample) => sample.step === step).map(sampleCard);
    const marks = grown.map((growth) => html`<span class="grown">${growthName(growth)} parameters</span>`);
    return html`<li><h3>Step ${formatInteger(step)}${marks}</h3><div class="cards">${cards}</div></li>
`;
  });
  return html`<section>
<h2>Samples</h2>
<p class="note">The prompt is <b class="prompt">marked</b>; the model wrote the rest.</p>
<ol class="timeline">
${moments}</ol>
</section>
`;
}

function sampleCard({ label, prompt, text }: SampleRecord): Markup {
  const marked = prompt === "" ? nothing : html`<b class="prompt">${prompt}</b>`;
  return html`<article class="card"><h4>${label}</h4><div class="text" dir="auto">${marked}${text}</div></article>`;
}

/** The figures behind the dots of the plot; at most 100 of them. */
export function validationDetails({ validations }: Report): Markup {
  if (validations.length === 0) return nothing;
  const shown = sampleEvenly(validations.length, 100).flatMap((at) => validations.slice(at, at + 1));
  const title =
    shown.length === validations.length
      ? "Validations"
      : `Validations (${shown.length} of ${formatInteger(validations.length)})`;
  return html`<details>
<summary>${title}</summary>
<div class="scroll" role="region" aria-label="Table of validations" tabindex="0">
<table class="numbers">
<thead><tr><th scope="col">Step</th><th scope="col">Loss (nats per token)</th><th scope="col">Perplexity</th><th scope="col">Bits per byte</th></tr></thead>
<tbody>${shown.map(validationRow)}</tbody>
</table>
</div>
</details>
`;
}

function validationRow({ step, validationLoss, perplexity, bitsPerByte }: ValidationRecord): Markup {
  return html`<tr><th scope="row">${formatInteger(step)}</th><td>${formatLoss(validationLoss)}</td><td>${formatCount(perplexity)}</td><td>${formatLoss(bitsPerByte)}</td></tr>
`;
}

export function againSection({ command, config, date }: Report): Markup {
  return html`<section>
<h2>Run it again</h2>
<pre class="command"><code>${command}</code></pre>
<details>
<summary>Configuration</summary>
<pre class="scroll" tabindex="0"><code>${JSON.stringify(config ?? null, null, 2)}</code></pre>
</details>
<p class="note">${date}</p>
</section>
`;
}
