#!/usr/bin/env node
/** The command line. A user's mistake is one line on stderr and exit code 1; a fault of ours shows its stack. */

import { Command } from "commander";
import { UserError } from "../errors.ts";
import { demoCommand } from "./demo-command.ts";
import { evalCommand } from "./eval-command.ts";
import { exportCommand } from "./export-command.ts";
import { growCommand } from "./grow-command.ts";
import { importCommand } from "./import-command.ts";
import { inspectCommand } from "./inspect-command.ts";
import { logitsCommand } from "./logits-command.ts";
import { note } from "./output.ts";
import { presetsCommand } from "./presets-command.ts";
import { pruneCommand } from "./prune-command.ts";
import { sampleCommand } from "./sample-command.ts";
import { serveCommand } from "./serve-command.ts";
import { studyCommand } from "./study-command.ts";
import { tokenizeCommand } from "./tokenize-command.ts";
import { trainCommand } from "./train-command.ts";
import { version } from "./version.ts";

const program = new Command("tokenformer")
  .description("train, grow and run TokenFormer language models on ONNX Runtime")
  .version(version)
  .showSuggestionAfterError()
  .showHelpAfterError("(see --help)");

const commands = [
  trainCommand,
  growCommand,
  pruneCommand,
  sampleCommand,
  evalCommand,
  serveCommand,
  inspectCommand,
  importCommand,
  exportCommand,
  logitsCommand,
  tokenizeCommand,
  studyCommand,
  presetsCommand,
  demoCommand,
];
for (const command of commands) program.addCommand(command());

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
