/** What a module of the source loads. */

import { readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const source = fileURLToPath(new URL("../../src/", import.meta.url));

/** The files and packages that an entry of the source loads; types alone are not loaded. */
export function loadedBy(entry: string): { files: Set<string>; packages: Set<string> } {
  const loaded = { files: new Set<string>(), packages: new Set<string>() };
  const visit = (file: string) => {
    if (loaded.files.has(file)) return;
    loaded.files.add(file);
    const text = readFileSync(join(source, file), "utf8");
    const imports = text.matchAll(
      /^(?:(?:import|export) (?!type\b)[^;]*?from |import )"([^"]+)"|import\("([^"]+)"\)/gm,
    );
    for (const [, statement, call] of imports) {
      const name = statement ?? call ?? "";
      if (name.startsWith(".")) visit(relative(source, resolve(dirname(join(source, file)), name)));
      else loaded.packages.add(name);
    }
  };
  visit(entry);
  return loaded;
}
