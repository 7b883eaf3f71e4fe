#!/usr/bin/env node
/** The command line. A user's mistake is one line on stderr and exit code 1; a fault of ours shows its stack. */

import { Command } from "commander";
import { UserError } from "../errors.ts";
import { suggestion } from "../suggestion.ts";
import { commands } from "./commands.ts";
import { complaint } from "./complaint.ts";
import { fail } from "./failure.ts";
import { note, surviveLostOutput } from "./output.ts";
import { version } from "./version.ts";

surviveLostOutput();

const [first, second] = process.argv.slice(2).filter((word) => !word.startsWith("-"));
const asked = first === "help" ? second : first;

/** A command, and those below it, whose complaints are one line. */
function inOneLine(command: Command): Command {
  const name = asked !== undefined && Object.hasOwn(commands, asked) ? asked : undefined;
  command.configureOutput({ outputError: (text) => note(`tokenformer: ${complaint(text, name)}`) });
  for (const below of command.commands) inOneLine(below);
  return command;
}

const program = inOneLine(new Command("tokenformer"))
  .description("train, grow and run TokenFormer language models on ONNX Runtime")
  .version(version)
  .configureHelp({ subcommandTerm: (command) => command.name() });

for (const [name, { description, load }] of Object.entries(commands)) {
  program.addCommand(inOneLine(name === asked ? await load() : new Command(name)).description(description));
}

if (asked !== undefined && asked !== "help" && !Object.hasOwn(commands, asked)) {
  program.error(`unknown command '${asked}'${suggestion(asked, Object.keys(commands))}`);
}

// What is thrown where nothing waits for it.
process.on("uncaughtException", (error) => void fail(error).then(() => process.exit()));

program.hook("preAction", (_, command) => refuseEmptyPaths(command));

/** An empty path is a variable of the shell that is not set, more often than not. */
function refuseEmptyPaths(command: Command): void {
  if (command.args.includes(""))
    throw new UserError(`${command.name()}: an argument is empty, expected a path; name it`);
  for (const option of command.options.filter(({ flags }) => /<(file|folder|run)/.test(flags))) {
    const value: unknown = command.getOptionValue(option.attributeName());
    if (value !== "" && !(Array.isArray(value) && value.includes(""))) continue;
    throw new UserError(`${option.long}: is empty, expected a path; name it, or leave the option out`);
  }
}

try {
  await program.parseAsync();
} catch (error) {
  await fail(error);
}
