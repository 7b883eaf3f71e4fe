/** The command line. A user's mistake is one line on stderr and exit code 1; a fault of ours shows its stack. */

import * as nodeModule from "node:module";
import { Command, CommanderError } from "commander";
import { UserError } from "../errors.ts";
import { commands } from "./commands.ts";
import { fail } from "./failure.ts";
import { DESCRIPTION, helpPage } from "./help-page.ts";
import { note } from "./output.ts";
import { version } from "./version.ts";

/** Parses the words that the program was started with, and runs the command that they name. */
export async function runCommandLine(): Promise<void> {
  keepCompiled();
  const [first, second] = process.argv.slice(2).filter((word) => !word.startsWith("-"));
  const asked = first === "help" ? second : first;
  process.on("uncaughtException", (error) => void endAfter(error));
  try {
    const program = await parser(asked);
    await refuseUnknownCommand(program, asked);
    await program.parseAsync();
  } catch (error) {
    await (error instanceof CommanderError ? end(error, asked) : fail(error));
  }
}

/** What a command is made of is compiled once, where Node can keep it (22.1 and later). */
function keepCompiled(): void {
  if ("enableCompileCache" in nodeModule && typeof nodeModule.enableCompileCache === "function") {
    nodeModule.enableCompileCache();
  }
}

const isCommand = (name: string | undefined): name is string => name !== undefined && Object.hasOwn(commands, name);

/** The command line's parser, with the commands' names alone but for the one that is asked for. */
async function parser(asked: string | undefined): Promise<Command> {
  const program = throwingMistakes(new Command("tokenformer"))
    .description(DESCRIPTION)
    .version(version)
    .configureHelp({ formatHelp: (_, { helpWidth }) => `${helpPage(helpWidth)}\n` })
    .hook("preAction", (_, command) => refuseEmptyWords(command))
    .hook("preAction", (_, command) => importOwnModules(command));
  for (const [name, { description, load }] of Object.entries(commands)) {
    program.addCommand(throwingMistakes(name === asked ? await load() : new Command(name)).description(description));
  }
  return program;
}

/** A command, and those below it, which throw what they have to say of a mistake, instead of printing it and ending the process. */
function throwingMistakes(command: Command): Command {
  for (const below of command.commands) throwingMistakes(below);
  return command.exitOverride().configureOutput({ outputError: () => undefined });
}

/** Modules of one's own that a command names. What imports them is loaded with the first, as it takes longer than a page of help should. */
async function importOwnModules(command: Command): Promise<void> {
  const names = ["model", "strategy"].some((option) => command.getOptionValue(option) !== undefined);
  if (names) await (await import("./own-modules.ts")).importOwn(command);
}

/** What is empty is a variable of the shell that is not set, more often than not: no path, and no key or address to serve without. */
function refuseEmptyWords(command: Command): void {
  if (command.args.includes(""))
    throw new UserError(`${command.name()}: an argument is empty, expected a path; name it`);
  for (const option of command.options) {
    const what = /<(file|folder|run|key|address)/.exec(option.flags)?.[1];
    if (what === undefined) continue;
    const value: unknown = command.getOptionValue(option.attributeName());
    if (value !== "" && !(Array.isArray(value) && value.includes(""))) continue;
    const expected = what === "key" ? "a key" : what === "address" ? "an address" : "a path";
    throw new UserError(`${option.long}: is empty, expected ${expected}; give it, or leave the option out`);
  }
}

async function refuseUnknownCommand(program: Command, asked: string | undefined): Promise<void> {
  if (asked === undefined || asked === "help" || isCommand(asked)) return;
  const { suggestion } = await import("../suggestion.ts");
  program.error(`unknown command '${asked}'${suggestion(asked, Object.keys(commands))}`);
}

/** Ends after the parser has shown a page of help, which was asked for or not, or has found a mistake. */
async function end({ code, exitCode, message }: CommanderError, asked: string | undefined): Promise<void> {
  process.exitCode = exitCode;
  if (exitCode === 0 || code === "commander.help") return;
  // Loaded only when asked for: a page of help needs no words for mistakes.
  const { complaint } = await import("./complaint.ts");
  note(`tokenformer: ${complaint(message, isCommand(asked) ? asked : undefined)}`);
}

/** Ends the process for what is thrown where nothing waits for it, once no device is at work: ONNX Runtime would abort it. */
async function endAfter(error: unknown): Promise<void> {
  try {
    await fail(error);
    const { endThreads } = await import("../runtime/index.ts");
    await endThreads();
  } finally {
    process.exit();
  }
}
