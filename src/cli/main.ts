#!/usr/bin/env node
/** The command line. A user's mistake is one line on stderr and exit code 1; a fault of ours shows its stack. */

import { Command } from "commander";
import { UserError } from "../errors.ts";
import { commands } from "./commands.ts";
import { note } from "./output.ts";
import { version } from "./version.ts";

const program = new Command("tokenformer")
  .description("train, grow and run TokenFormer language models on ONNX Runtime")
  .version(version)
  .configureHelp({ subcommandTerm: (command) => command.name() })
  .showSuggestionAfterError()
  .showHelpAfterError("(see --help)");

const [first, second] = process.argv.slice(2).filter((word) => !word.startsWith("-"));
const asked = first === "help" ? second : first;
for (const [name, { description, load }] of Object.entries(commands)) {
  program.addCommand((name === asked ? await load() : new Command(name)).description(description));
}

// A reader that closes the pipe early, such as `head`, is no error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
  throw error;
});

try {
  await program.parseAsync();
} catch (error) {
  note(
    error instanceof UserError
      ? `tokenformer: ${error.message}`
      : `tokenformer: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
  );
  process.exitCode = 1;
}
