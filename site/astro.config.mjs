import { rm } from "node:fs/promises";
import starlight from "@astrojs/starlight";
import { defineConfig } from "astro/config";
import starlightLinksValidator from "starlight-links-validator";
import starlightTypeDoc, { typeDocSidebarGroup } from "starlight-typedoc";

const entry = (name) => `../dist/${name}.d.ts`;

/** TypeDoc's list of modules links to a page of each, which Starlight has none of: the sidebar lists them. */
const withoutModuleList = {
  name: "without-module-list",
  hooks: {
    "config:setup": () =>
      rm(new URL("src/content/docs/reference/interface/README.md", import.meta.url), { force: true }),
  },
};

export default defineConfig({
  outDir: "dist",
  // An option such as --grow-at is not a dash.
  markdown: { smartypants: false },
  integrations: [
    starlight({
      title: "tokenformer",
      description: "Train, grow and run TokenFormer models in TypeScript",
      customCss: ["./src/styles/site.css"],
      plugins: [
        starlightTypeDoc({
          entryPoints: [
            entry("index"),
            entry("browser"),
            ...["tensor", "nn", "model", "growth", "text", "training", "formats"].map((name) =>
              entry(`public/${name}`),
            ),
          ],
          tsconfig: "tsconfig.json",
          output: "reference/interface",
          sidebar: { label: "Interface", collapsed: true },
          typeDoc: { skipErrorChecking: true, excludeInternal: true, readme: "none" },
        }),
        withoutModuleList,
        // What lies in public/ are pages of their own; modules of the interface have none, but are in the sidebar.
        starlightLinksValidator({
          exclude: ["/studies/**", "/reference/interface/**/namespaces/**"],
          errorOnLocalLinks: false,
        }),
      ],
      sidebar: [
        { label: "Start", autogenerate: { directory: "start" } },
        { label: "Guides", autogenerate: { directory: "guides" } },
        { label: "Concepts", autogenerate: { directory: "concepts" } },
        {
          label: "Reference",
          items: [
            { label: "Command line", slug: "reference/command-line" },
            { label: "Configuration", slug: "reference/configuration" },
            typeDocSidebarGroup,
          ],
        },
        { label: "Architecture", slug: "architecture" },
        { label: "Decisions", collapsed: true, autogenerate: { directory: "decisions" } },
        { label: "Benchmarks", collapsed: true, autogenerate: { directory: "benchmarks" } },
      ],
    }),
  ],
});
