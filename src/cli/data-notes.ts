/** What is told of the data before it is read. */

import { type DataSource, describeFolders } from "../training/index.ts";
import { note } from "./output.ts";

/** Tells of folders of texts which files are read, and which are passed over. */
export async function noteFolders(source: DataSource): Promise<void> {
  for (const line of await describeFolders(source)) note(line);
}
