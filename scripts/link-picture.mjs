// The picture that others show of a link to the studio, studio/public/link.png: the rings of a model of its gallery, from the page itself.
// `npm run generate:link-picture [-- /path/of/chromium]`, after a build.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const root = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));

/** Whose rings they are. */
const MODEL = "A play by rules";
const SIZE = { width: 1200, height: 630 };

const STYLE = `
  body { margin: 0; display: grid; grid-template-columns: 560px 1fr; align-items: center; width: 1200px; height: 630px;
    background: #faf9f6; color: #1d1c1a; font-family: Georgia, serif; }
  svg { width: 480px; height: 480px; justify-self: center; }
  h1 { margin: 0 60px 24px 0; font-size: 58px; line-height: 1.1; font-weight: 600; }
  p { margin: 0 60px 0 0; font: 27px/1.4 sans-serif; color: #5f5b54; }
`;

const server = spawn(process.execPath, [root("dist/cli/main.js"), "studio", "--port", "0"], {
  stdio: ["ignore", "pipe", "inherit"],
});
const browser = await chromium.launch({
  executablePath: process.argv[2] ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu"],
});
try {
  const [line] = await once(createInterface(server.stdout), "line");
  const address = /http:\S+(?=;)/.exec(line)[0];
  const page = await browser.newPage({ viewport: SIZE, colorScheme: "light" });
  await page.goto(address);
  const ring = await page
    .locator(".gallery li", { hasText: MODEL })
    .locator("svg")
    .evaluate((svg) => svg.outerHTML);
  await page.setContent(
    `<style>${STYLE}</style>${ring}<div><h1>A language model that grows without forgetting</h1>
    <p>Train one in your browser tab. One ring for each birth of parameter tokens.</p></div>`,
  );
  await page.screenshot({ path: root("studio/public/link.png") });
} finally {
  await browser.close();
  server.kill();
}
