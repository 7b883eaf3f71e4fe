/** The studio's server over a folder with tiny runs, for the tests of a file. */

import { mkdir, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { afterAll, beforeAll } from "vitest";
import { type RunningStudio, startStudio } from "../../src/studio-server/index.ts";
import { TINY, useCommandLine } from "./command-line.ts";

/** A page that stands for the built one. */
const PAGE: Readonly<Record<string, string | Uint8Array>> = {
  "index.html": "<!doctype html><title>page</title>",
  "default.txt": "Call me Ishmael. ".repeat(200),
  "assets/page-Bx12.js": "// code\n".repeat(400),
  "assets/runtime-9f.wasm": new Uint8Array(5000),
};

/**
 * Trains `runs/first` and serves; `ask` fetches from the server.
 * @param run that is opened at once
 * @param page folder of a page; default: one that stands for it
 */
export function useStudioServer(run?: string, page?: string) {
  const commandLine = useCommandLine();
  const notes: string[] = [];
  let studio: RunningStudio | undefined;
  beforeAll(async () => {
    await commandLine.answer("train", ...TINY, "--data", "text.txt", "--out", "runs/first");
    for (const [name, contents] of Object.entries(PAGE)) {
      await mkdir(commandLine.at("page", name, ".."), { recursive: true });
      await writeFile(commandLine.at("page", name), contents);
    }
    studio = await startStudio({
      port: 0,
      host: "127.0.0.1",
      page: page ?? commandLine.at("page"),
      root: commandLine.at(),
      run: run === undefined ? undefined : commandLine.at(run),
      note: (text) => notes.push(text),
    });
  });
  afterAll(async () => studio?.close(0));
  const port = () => {
    if (studio === undefined) throw new Error("the server is started before the first test, not before that");
    return studio.port;
  };
  const ask = (path: string, init?: RequestInit) => fetch(`http://127.0.0.1:${port()}/${path}`, init);
  return { ...commandLine, notes, port, ask, raw: (path: string, host?: string) => raw(port(), path, host) };
}

/** Asks for exactly this path: `fetch` would tidy it up, and set the host itself. */
function raw(port: number, path: string, host = "127.0.0.1"): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const asked = request({ port, host: "127.0.0.1", path, headers: { host } }, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (text: string) => {
        body += text;
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body }));
    });
    asked.on("error", reject).end();
  });
}
