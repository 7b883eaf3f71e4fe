/** The studio's build: a folder of files for any static host, under any path. */

import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";
import { about } from "./build/about.ts";
import { defaultText } from "./build/default-text.ts";
import { namedByContents } from "./build/named-by-contents.ts";

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

const SERVICE_WORKER = "service-worker";

/** Threads share memory only on pages that no other origin can reach into. */
const isolation = {
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Cross-Origin-Opener-Policy": "same-origin",
};

export default defineConfig({
  root: at("."),
  base: "./",
  plugins: [about(), defaultText(), namedByContents(`${SERVICE_WORKER}.js`)],
  resolve: {
    alias: [
      { find: "tokenformer/browser", replacement: at("../dist/browser.js") },
      { find: /^tokenformer\/(\w+)$/, replacement: at("../dist/public/$1.js") },
    ],
  },
  worker: { format: "es" },
  // It looks for its WebAssembly beside itself.
  optimizeDeps: { exclude: ["onnxruntime-web"] },
  build: {
    outDir: at("../dist/studio"),
    emptyOutDir: true,
    target: "es2024",
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 600,
    rolldownOptions: {
      // A busy machine is no fault of the build.
      checks: { bundlerTimings: false },
      input: { index: at("index.html"), [SERVICE_WORKER]: at("service-worker/service-worker.ts") },
      output: {
        // Its address is what the browser knows a service worker by.
        entryFileNames: ({ name }) => (name === SERVICE_WORKER ? "[name].js" : "assets/[name]-[hash].js"),
      },
    },
  },
  server: { headers: isolation },
  preview: { headers: isolation },
});
