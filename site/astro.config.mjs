import starlight from "@astrojs/starlight";
import { defineConfig } from "astro/config";
import starlightLinksValidator from "starlight-links-validator";
import starlightTypeDoc, { typeDocSidebarGroup } from "starlight-typedoc";

const entry = (name) => `../dist/${name}.d.ts`;

export default defineConfig({
  outDir: "dist",
  integrations: [
    starlight({
      title: "tokenformer",
      description: "Train, grow and run TokenFormer models in TypeScript",
      customCss: ["./src/styles/site.css"],
      plugins: [
        starlightTypeDoc({
          entryPoints: [entry("index")],
          tsconfig: "tsconfig.json",
          output: "reference/interface",
          sidebar: { label: "Interface", collapsed: true },
          typeDoc: { skipErrorChecking: true, excludeInternal: true, readme: "none" },
        }),
        // What lies in public/ are pages of their own.
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
