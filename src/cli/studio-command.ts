/** `tokenformer studio`: the page in which models train and grow, with the runs of this computer. */

import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { UserError } from "../errors.ts";
import { fileExists } from "../formats/index.ts";
import { isLoopback, urlOf } from "../http/address.ts";
import { wholeOption } from "./numbers.ts";
import { withRun } from "./open.ts";
import { note, print } from "./output.ts";
import { servedUntilStopped } from "./serving.ts";

interface Options {
  readonly port?: number;
  readonly host: string;
}

const PORT = 4747;
/** Ports tried after the first, unless one was asked for. */
const MORE_PORTS = 20;

/** Where the build puts the page. */
const PAGE = fileURLToPath(new URL("../studio/", import.meta.url));

export const studioCommand = () =>
  new Command("studio")
    .argument("[run]", "folder of a run to open in it at once")
    .option("--port <n>", `0 for any that is free (default: the first free one from ${PORT})`, wholeOption("--port"))
    .option("--host <address>", "where to listen; others can reach 0.0.0.0", "127.0.0.1")
    .action(runStudio);

async function runStudio(run: string | undefined, { port, host }: Options): Promise<void> {
  if (port !== undefined && port > 65_535) throw new UserError(`--port ${port}: expected 0 to 65535`);
  if (!(await fileExists(`${PAGE}index.html`))) {
    throw new UserError(
      `the studio's page is not built, expected ${PAGE}index.html; build it with: npm run studio:build`,
    );
  }
  if (run !== undefined) await withRun(run, async () => undefined);
  // Loaded only when asked for: other commands need no server.
  const { startStudio } = await import("../studio-server/index.ts");
  const asked = port === undefined ? { port: PORT, more: MORE_PORTS } : { port };
  const studio = await startStudio({ ...asked, host, page: PAGE, root: process.cwd(), run, note });
  print(`the studio is at ${urlOf(host, studio.port)}; Ctrl-C ends it`);
  if (!isLoopback(host)) note("anyone who reaches this address can read the runs below this folder");
  await servedUntilStopped("closing the studio", () => studio.close(0));
}
