import { readFileSync } from "node:fs";
import type { Plugin } from "vite";
import { z } from "zod";

const manifestSchema = z.object({ description: z.string(), homepage: z.string() });

/** What a homepage is that nobody has filled in. */
const UNKNOWN = "/OWNER/";

/** The picture that is shown of a link to the page; sites that show it ask for its whole address. */
const PICTURE = "link.png";

/**
 * Tells the page where its source is, and those who show a link to it what it is. Where the studio is for everyone the build is told
 * by `VITE_STUDIO_ADDRESS`.
 */
export function about(): Plugin {
  const { homepage } = manifestSchema.parse(
    JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")),
  );
  const source = process.env["VITE_SOURCE_ADDRESS"] ?? (homepage.includes(UNKNOWN) ? "" : homepage.replace(/#.*/, ""));
  const address = process.env["VITE_STUDIO_ADDRESS"] ?? "";
  return {
    name: "tokenformer-about",
    config: () => ({ define: { "import.meta.env.VITE_SOURCE_ADDRESS": JSON.stringify(source) } }),
    transformIndexHtml: () => [
      { tag: "meta", attrs: { property: "og:image", content: address + PICTURE }, injectTo: "head" },
      ...(address === ""
        ? []
        : [{ tag: "meta", attrs: { property: "og:url", content: address }, injectTo: "head" } as const]),
    ],
  };
}
