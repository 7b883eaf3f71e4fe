/** `npx vite examples/browser`, or `npx vite build examples/browser`. */

import { defineConfig } from "vite";

// Threads of WebAssembly need a page that is cross-origin isolated.
const headers = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };

export default defineConfig({
  worker: { format: "es" },
  // Vite's bundle of it would lose the files beside ONNX Runtime's module.
  optimizeDeps: { exclude: ["onnxruntime-web"] },
  server: { headers },
  preview: { headers },
});
