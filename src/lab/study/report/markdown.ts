/** The report as Markdown, with its figures as files beside it. */

import { standalone } from "../../report/standalone.ts";
import type { Block, Cell, Section, StudyDocument, Table } from "./document.ts";
import { tags } from "./html-page.ts";
import { moreColours } from "./palette.ts";
import { type Panel, panelWidth } from "./panel.ts";

/** The folder of figures, beside the report. */
export const FIGURES = "figures";

export const figureFile = ({ name }: Panel): string => `${FIGURES}/${name}.svg`;

export function renderMarkdown({ title, subtitle, facts, sections }: StudyDocument): string {
  const list = facts.map(({ name, value }) => `- **${escapeMarkdown(name)}**: ${escapeMarkdown(value)}`).join("\n");
  const parts = [`# ${escapeMarkdown(title)}`, escapeMarkdown(subtitle), list, ...sections.map(renderSection)];
  return `${parts.join("\n\n")}\n`;
}

/** All figures by the name of their file, drawn for a desk. */
export function figuresOf({ sections }: StudyDocument): Map<string, string> {
  const panels = sections.flatMap(({ blocks }) => blocks.flatMap(panelsOf));
  return new Map(panels.map((panel) => [figureFile(panel), standalone(panel.plot, moreColours)]));
}

function panelsOf(block: Block): readonly Panel[] {
  if (block.kind === "figure") return block.panels;
  return block.kind === "details" ? block.blocks.flatMap(panelsOf) : [];
}

const renderSection = ({ title, blocks }: Section): string =>
  [`## ${escapeMarkdown(title)}`, ...blocks.map(renderBlock)].join("\n\n");

function renderBlock(block: Block): string {
  switch (block.kind) {
    case "text":
      return escapeMarkdown(block.text);
    case "lead":
      return `**${escapeMarkdown(block.text)}**`;
    case "heading":
      return `### ${escapeMarkdown(block.text)}`;
    case "list":
      return block.items.map((item) => `- ${escapeMarkdown(item)}`).join("\n");
    case "verdicts":
      return block.items
        .map(({ verdict, text }) => `- **${escapeMarkdown(tags[verdict])}**: ${escapeMarkdown(text)}`)
        .join("\n");
    case "answers":
      return block.items
        .map(({ question, sentences }) => `**${escapeMarkdown(question)}** ${escapeMarkdown(sentences.join(" "))}`)
        .join("\n\n");
    case "table":
      return renderTable(block);
    case "figure":
      return `${block.panels.map(renderPanel).join("\n")}\n\n${escapeMarkdown(block.caption)}`;
    case "code":
      return block.text.replace(/^/gm, "    ");
    case "details":
      return `<details>\n<summary>${escapeMarkdown(block.summary)}</summary>\n\n${block.blocks.map(renderBlock).join("\n\n")}\n\n</details>`;
  }
}

/** Two panels fit beside each other on a desk. */
function renderPanel(panel: Panel): string {
  const width = panel.narrow === undefined ? ` width="${panelWidth}"` : "";
  return `<img src="${figureFile(panel)}"${width} alt="${panel.description.replaceAll('"', "&quot;")}">`;
}

function renderTable({ columns, rows }: Table): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const head = line(columns.map(({ title }) => escapeMarkdown(title)));
  const rule = line(columns.map(({ number }) => (number === true ? "---:" : "---")));
  return [head, rule, ...rows.map((row) => line(row.map(renderCell)))].join("\n");
}

const renderCell = (cell: Cell): string =>
  typeof cell === "string"
    ? escapeMarkdown(cell)
    : `${escapeMarkdown(cell.text)}<br><sub>${escapeMarkdown(cell.detail)}</sub>`;

/** What Markdown would take for markup. */
const escapeMarkdown = (text: string): string =>
  text
    .replace(/[\\`*_[\]|~]/g, "\\$&")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;");
