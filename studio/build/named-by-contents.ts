import type { Plugin } from "vite";

/** What stands for the list in the service worker's source. */
const PLACEHOLDER = "NAMED_BY_CONTENTS";

/** Tells the service worker which files of the build are named by their contents, and so never change. */
export function namedByContents(serviceWorker: string): Plugin {
  return {
    name: "tokenformer-named-by-contents",
    enforce: "post",
    generateBundle(_, bundle) {
      const worker = bundle[serviceWorker];
      if (worker?.type !== "chunk") throw new Error(`internal: the build has no ${serviceWorker}`);
      const names = Object.keys(bundle).filter((name) => name.startsWith("assets/") && !name.endsWith(".map"));
      if (!worker.code.includes(PLACEHOLDER)) throw new Error(`internal: ${serviceWorker} asks for no ${PLACEHOLDER}`);
      worker.code = worker.code.replaceAll(PLACEHOLDER, JSON.stringify(names));
    },
  };
}
