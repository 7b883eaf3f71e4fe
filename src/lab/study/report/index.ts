/** The report of a study, written to a folder. */

import path from "node:path";
import { commitTexts } from "../../../formats/files/directory.ts";
import { formatJson } from "../../../formats/json/json-text.ts";
import type { StudyResults } from "../results.ts";
import { renderPage } from "./html-page.ts";
import { FIGURES, figuresOf, renderMarkdown } from "./markdown.ts";
import { studyDocument } from "./study-document.ts";

/**
 * Writes what a study has found so far into `directory`, which it makes: `report.html`, a page that needs nothing else;
 * `report.md` with its figures in `figures/`; and `results.json`, the numbers. The results may be incomplete: the report
 * shows what there is and says what is missing.
 *
 * @throws UserError where a file cannot be written; then the report of before is still there.
 */
export async function writeStudyReport(results: StudyResults, directory: string): Promise<void> {
  const document = studyDocument(results);
  const figures = [...figuresOf(document)].map(([file, source]) => [path.basename(file), source] as const);
  await commitTexts(path.join(directory, FIGURES), Object.fromEntries(figures));
  await commitTexts(directory, {
    "report.md": renderMarkdown(document),
    "report.html": renderPage(document),
    "results.json": formatJson(results),
  });
}
