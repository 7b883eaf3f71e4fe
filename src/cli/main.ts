#!/usr/bin/env node
/** The program. Its page of help takes little longer than Node itself, as the parser of the command line is loaded for all else alone. */

import { helpPage } from "./help-page.ts";
import { print, surviveLostOutput } from "./output.ts";

surviveLostOutput();

const [word, ...others] = process.argv.slice(2);

if (others.length === 0 && (word === "--help" || word === "-h" || word === "help")) {
  print(helpPage(process.stdout.isTTY ? process.stdout.columns : undefined));
} else {
  const { runCommandLine } = await import("./command-line.ts");
  await runCommandLine();
}
