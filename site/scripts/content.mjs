// The pages of `docs/` as Starlight wants them: a title taken from the first heading, links between pages as addresses, and links to
// other files of the repository as links to where it is published. Studies go to `public/` with the pages that they have; what has none
// becomes a page of the site.

import { existsSync } from "node:fs";
import { cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, extname, join, posix, relative } from "node:path";
import { fileURLToPath } from "node:url";

const site = fileURLToPath(new URL("../", import.meta.url));
const root = join(site, "..");
const docs = join(root, "docs");
const content = join(site, "src/content/docs");
const manifest = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
const repository = String(manifest.repository?.url ?? "").replace(/^git\+|\.git$/g, "");

/** On a phone, each cell of a reference table is a line of its own: as columns, the last ones would lie beyond the edge. */
const STACKED = `@media (max-width: 40rem) {
.sl-markdown-content thead { display: none; }
.sl-markdown-content :is(table, tbody, tr, td) { display: block; }
.sl-markdown-content :is(tr, td) { margin: 0 !important; }
.sl-markdown-content td { border-bottom: 0; padding: 0.15rem 0; }
.sl-markdown-content td:empty { display: none; }
.sl-markdown-content tr { border-bottom: 1px solid var(--sl-color-gray-5); padding: 0.5rem 0; }
}`;

await rm(content, { recursive: true, force: true });
await rm(join(site, "public/studies"), { recursive: true, force: true });
await cp(join(docs, "studies"), join(site, "public/studies"), { recursive: true });

for (const entry of await readdir(docs, { recursive: true, withFileTypes: true })) {
  const file = join(entry.parentPath ?? entry.path, entry.name);
  const path = relative(docs, file).replaceAll("\\", "/");
  if (!entry.isFile() || (path.startsWith("studies/") && (pageOfStudy(path) || extname(path) !== ".md"))) continue;
  const target = join(content, path.replace(/README\.md$/, "index.md"));
  await mkdir(dirname(target), { recursive: true });
  if (extname(file) === ".md") await writeFile(target, page(await readFile(file, "utf8"), path));
  else if ([".png", ".svg"].includes(extname(file))) await cp(file, target);
}
await writeFile(join(content, "index.md"), page(await landing(), "index.md"));

/** A page with its title in front of it instead of in its first heading. */
function page(text, path) {
  const title = /^# (.+)$/m.exec(text)?.[1] ?? path;
  const body = text.replace(/^# .+\n+/m, "").replace(/\]\(([^)\s]+)\)/g, (_, link) => `](${address(link, path)})`);
  const head = path.startsWith("reference/") ? `head: ${JSON.stringify([{ tag: "style", content: STACKED }])}\n` : "";
  return `---\ntitle: ${JSON.stringify(title.replaceAll("`", ""))}\n${head}---\n\n${body}`;
}

/** The page of HTML that a study has beside a report in Markdown, if it has one. */
function pageOfStudy(path) {
  const html = path.replace(/\.md$/, ".html");
  return html !== path && existsSync(join(docs, html)) ? html : undefined;
}

/** Where a link of a page leads on the site. */
function address(link, path) {
  if (/^(https?:|#|mailto:)/.test(link)) return link;
  const [file = "", anchor] = link.split("#");
  const target = posix.normalize(posix.join("docs", posix.dirname(path), file));
  const hash = anchor === undefined ? "" : `#${anchor}`;
  if (target.startsWith("docs/studies/")) {
    const html = pageOfStudy(target.slice("docs/".length));
    if (html || !target.endsWith(".md")) return `/${html ?? target.slice("docs/".length)}${hash}`;
  }
  if (/\.(png|svg)$/.test(file)) return link;
  if (target.startsWith("docs/") && target.endsWith(".md")) {
    const slug = target
      .slice("docs/".length)
      .replace(/(^|\/)README\.md$/, "$1")
      .replace(/\.md$/, "/");
    return `/${slug.toLowerCase()}${hash}`;
  }
  return `${repository}/blob/main/${target}${hash}`;
}

/** README is the first page. Its links start at the root of the repository. */
async function landing() {
  const text = await readFile(join(root, "README.md"), "utf8");
  return text
    .replace(/\]\((?!https?:|#)(?:\.\/)?docs\//g, "](./")
    .replace(/\]\((?!https?:|#|\.\/)([^)]+)\)/g, "](../$1)");
}
