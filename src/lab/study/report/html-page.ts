/** The report as a page of HTML that needs nothing else: no script, no network. */

import { html, type Markup } from "../../report/html.ts";
import { renderShell } from "../../report/shell.ts";
import type { Verdict } from "../verdicts.ts";
import type { Answer, Block, Cell, JudgedSentence, Section, StudyDocument, Table } from "./document.ts";
import { moreColours } from "./palette.ts";
import type { Panel } from "./panel.ts";

const moreStyle = `
h1 { text-wrap: balance; }
.facts { grid-template-columns: repeat(auto-fit, minmax(6.75rem, 1fr)); column-gap: 1rem; }
.facts dd { font-size: 1rem; white-space: nowrap; }
thead th { white-space: normal; vertical-align: bottom; }
.note + p { margin-top: 1rem; }
.panels { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 25rem), 1fr)); gap: 2rem 2.25rem; }
.panels > svg { max-width: 30rem; }
.verdicts { list-style: none; margin: 0; padding: 0; }
.verdicts li { display: grid; grid-template-columns: 7.75rem 1fr; gap: 0.15rem 1rem; padding: 0.75rem 0; border-bottom: 1px solid var(--rule); }
.verdicts li:first-child { border-top: 1px solid var(--rule); }
.verdicts p { margin: 0; max-width: 46rem; text-wrap: pretty; }
.tag { font-size: 0.875rem; font-weight: 600; line-height: 1.75; white-space: nowrap; }
.better { color: var(--blue-text); } .worse { color: var(--orange-text); } .none, .unknown { color: var(--muted); } .mixed { color: var(--purple-text); }
.answers dt { font-size: 1rem; font-weight: 600; color: var(--ink); margin-top: 1.25rem; }
.answers dd { font-size: 1rem; font-weight: 400; margin: 0.2rem 0 0; max-width: 46rem; text-wrap: pretty; }
.lead { font-size: 1.25rem; line-height: 1.45; font-weight: 600; margin: 0 0 1.25rem; max-width: 44rem; text-wrap: pretty; }
section > p, section > ul, details > p, details > ul { max-width: 46rem; text-wrap: pretty; margin: 0 0 1rem; }
section > ul, details > ul { padding-left: 1.2rem; } li + li { margin-top: 0.35rem; } .verdicts li + li { margin-top: 0; }
section > h3 { margin: 2.25rem 0 0.75rem; }
section > .scroll + figure, section > figure + figure, section > p + figure { margin-top: 1.5rem; }
figure + h3, .scroll + h3, details + h3 { margin-top: 2.5rem; }
.scroll + p, .scroll + .note { margin-top: 1rem; }
tbody .number { white-space: nowrap; }
tbody td:first-child, tbody th:first-child { min-width: 9rem; }
@media (max-width: 40rem) { .verdicts li { grid-template-columns: 1fr; } }
`;

export function renderPage({ title, subtitle, facts, sections }: StudyDocument): string {
  return renderShell({
    title,
    subtitle,
    facts,
    moreStyle: moreColours + moreStyle,
    sections: html`${sections.map(renderSection)}`,
  });
}

function renderSection({ title, blocks }: Section): Markup {
  return html`<section>
<h2>${title}</h2>
${blocks.map(renderBlock)}</section>
`;
}

function renderBlock(block: Block): Markup {
  switch (block.kind) {
    case "text":
      return html`<p class="${block.muted === true ? "note" : "body"}">${block.text}</p>
`;
    case "lead":
      return html`<p class="lead">${block.text}</p>
`;
    case "heading":
      return html`<h3>${block.text}</h3>
`;
    case "list":
      return html`<ul>${block.items.map((item) => html`<li>${item}</li>`)}</ul>
`;
    case "verdicts":
      return html`<ul class="verdicts">${block.items.map(renderVerdict)}</ul>
`;
    case "answers":
      return html`<dl class="answers">${block.items.map(renderAnswer)}</dl>
`;
    case "table":
      return renderTable(block);
    case "figure":
      return renderFigure(block.panels, block.caption);
    case "code":
      return html`<pre class="command"><code>${block.text}</code></pre>
`;
    case "details":
      return html`<details>
<summary>${block.summary}</summary>
${block.blocks.map(renderBlock)}</details>
`;
  }
}

/** The words for verdicts: they say it, colours only help. */
export const tags: Readonly<Record<Verdict, string>> = {
  better: "↓ better",
  worse: "↑ worse",
  none: "= no difference",
  mixed: "± mixed",
  unknown: "? not known",
};

const renderVerdict = ({ verdict, text }: JudgedSentence): Markup =>
  html`<li><span class="tag ${verdict}">${tags[verdict]}</span><p>${text}</p></li>
`;

const renderAnswer = ({ question, sentences }: Answer): Markup =>
  html`<div><dt>${question}</dt>${sentences.map((sentence) => html`<dd>${sentence}</dd>`)}</div>
`;

function renderTable({ label, columns, rows }: Table): Markup {
  const classOf = (at: number) => (columns[at]?.number === true ? "number" : "words");
  const head = columns.map(({ title }, at) => html`<th scope="col" class="${classOf(at)}">${title}</th>`);
  const body = rows.map((row) => {
    const cells = row.map((cell, at) =>
      at === 0
        ? html`<th scope="row" class="${classOf(at)}">${renderCell(cell)}</th>`
        : html`<td class="${classOf(at)}">${renderCell(cell)}</td>`,
    );
    return html`<tr>${cells}</tr>
`;
  });
  return html`<div class="scroll" role="region" aria-label="${label}" tabindex="0">
<table>
<thead><tr>${head}</tr></thead>
<tbody>
${body}</tbody>
</table>
</div>
`;
}

const renderCell = (cell: Cell): Markup =>
  typeof cell === "string" ? html`${cell}` : html`${cell.text}<small>${cell.detail}</small>`;

function renderFigure(panels: readonly Panel[], caption: string): Markup {
  const plots = panels.map(({ plot, narrow }) =>
    narrow === undefined ? plot : html`<div class="wide">${plot}</div><div class="narrow">${narrow}</div>`,
  );
  const alone = panels.some(({ narrow }) => narrow !== undefined);
  return html`<figure><div class="${alone ? "plots" : "panels"}">
${plots}
</div><figcaption>${caption}</figcaption></figure>
`;
}
