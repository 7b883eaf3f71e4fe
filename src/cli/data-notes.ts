/** What is told of the data before it is read. */

import { absoluteData, describeFolders } from "../data/index.ts";
import type { DataSource } from "../data/portable.ts";
import { note } from "./output.ts";

/** Tells of folders of texts which files are read, and which are passed over; and of what is trained on and held out. */
export async function noteData(source: DataSource): Promise<void> {
  for (const line of await describeFolders(source)) note(line);
  const { train, validation = [] } = absoluteData(source);
  for (const name of validation.filter((held) => train.includes(held))) {
    note(`warning: ${name} is trained on and held out, so that the validation loss tells nothing of other text`);
  }
}
