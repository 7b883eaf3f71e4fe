/** The version of the package. */

import { readFileSync } from "node:fs";

const file = new URL("../../package.json", import.meta.url);

export const version = versionOf(JSON.parse(readFileSync(file, "utf8")));

function versionOf(description: unknown): string {
  if (typeof description === "object" && description !== null && "version" in description)
    return String(description.version);
  throw new Error(`${file.pathname} has no version`);
}
