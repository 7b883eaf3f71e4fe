import type { Plugin } from "vite";
import { embeddedBook } from "../../src/text/book.ts";

const NAME = "default.txt";

/** Puts the text that is trained on by default beside the page. */
export function defaultText(): Plugin {
  return {
    name: "tokenformer-default-text",
    async generateBundle() {
      this.emitFile({ type: "asset", fileName: NAME, source: (await embeddedBook()).text });
    },
    configureServer(server) {
      server.middlewares.use(`/${NAME}`, (_, response, next) => {
        embeddedBook().then(
          ({ text }) => response.setHeader("Content-Type", "text/plain; charset=utf-8").end(text),
          next,
        );
      });
    },
  };
}
