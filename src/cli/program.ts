/** What the program does. Its page of help takes little longer than Node itself, as the parser of the command line is loaded for all else alone. */

import { helpPage } from "./help-page.ts";
import { print, surviveLostOutput } from "./output.ts";

/** Does what the words say that the process was started with. */
export async function runProgram(): Promise<void> {
  surviveLostOutput();
  const [word, ...others] = process.argv.slice(2);
  if (others.length === 0 && (word === "--help" || word === "-h" || word === "help")) {
    print(helpPage(process.stdout.isTTY ? process.stdout.columns : undefined));
    return;
  }
  const { runCommandLine } = await import("./command-line.ts");
  await runCommandLine();
}
