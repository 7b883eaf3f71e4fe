/** The report of a study, written to a folder. */

import path from "node:path";
import { makeFolder, writeFileAtomic } from "../../../formats/files/atomic.ts";
import { writeJson } from "../../../formats/json/json.ts";
import type { StudyResults } from "../results.ts";
import { renderPage } from "./html-page.ts";
import { figuresOf, renderMarkdown } from "./markdown.ts";
import { studyDocument } from "./study-document.ts";

/**
 * Writes what a study has found so far into `directory`, which it makes: `report.html`, a page that needs nothing else;
 * `report.md` with its figures in `figures/`; and `results.json`, the numbers. The results may be incomplete: the report
 * shows what there is and says what is missing.
 *
 * @throws UserError where a file cannot be written.
 */
export async function writeStudyReport(results: StudyResults, directory: string): Promise<void> {
  const document = studyDocument(results);
  const figures = path.join(directory, "figures");
  await makeFolder(figures);
  for (const [file, source] of figuresOf(document)) await writeFileAtomic(path.join(directory, file), source);
  await writeFileAtomic(path.join(directory, "report.md"), renderMarkdown(document));
  await writeFileAtomic(path.join(directory, "report.html"), renderPage(document));
  await writeJson(path.join(directory, "results.json"), results);
}
