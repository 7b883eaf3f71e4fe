/** Modules of one's own: what defines a model or a growth strategy that a command is to know. */

import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { type Command, Option } from "commander";
import { messageOf, UserError } from "../errors.ts";
import { statIfPresent } from "../formats/index.ts";
import { ownStrategies } from "../growth/index.ts";
import { ownModels } from "../model/index.ts";
import { collected } from "./open.ts";

/** The option of commands that open a run, which may be of a model of one's own. */
export const modelOption = () =>
  new Option(
    "--model <file>",
    "a module that defines the run's model, where that is one of your own (default: a model of tokenformer's)",
  ).argParser(collected);

/**
 * The option of commands that grow, perhaps by a strategy of one's own.
 * @param use where the command names it
 */
export const strategyOption = (use: string) =>
  new Option("--strategy <file>", `a module that defines a growth strategy of your own, for ${use}`).argParser(
    collected,
  );

interface ModuleOptions {
  readonly model?: readonly string[] | undefined;
  readonly strategy?: readonly string[] | undefined;
}

/** The options for modules as a command was given them, for one that is to come after it: each with a space before it, or nothing. */
export const moduleWords = ({ model = [], strategy = [] }: ModuleOptions) =>
  [...model.map((file) => ` --model ${file}`), ...strategy.map((file) => ` --strategy ${file}`)].join("");

/** Imports the modules that a command names, before it does anything. Throws a `UserError` for one that defines nothing. */
export async function importOwn(command: Command): Promise<void> {
  const { model = [], strategy = [] } = command.opts<ModuleOptions>();
  for (const file of model) {
    const where = `--model ${file}`;
    const { models } = await definedBy(file, where);
    if (models.length === 0) throw definesNone(where, "model", "defineModel");
  }
  for (const file of strategy) {
    const where = `--strategy ${file}`;
    const { strategies } = await definedBy(file, where);
    if (strategies.length === 0) throw definesNone(where, "growth strategy", "defineGrowthStrategy");
  }
}

/** The names of what a module defined when it was imported, by its URL. */
const modules = new Map<string, { readonly models: readonly string[]; readonly strategies: readonly string[] }>();

async function definedBy(file: string, where: string) {
  const url = pathToFileURL(resolve(file)).href;
  const known = modules.get(url);
  if (known !== undefined) return known;
  if (!(await statIfPresent(file))?.isFile()) {
    throw new UserError(`${where}: there is no such file; name a module of JavaScript`);
  }
  const [models, strategies] = [ownModels.names, ownStrategies.names];
  await imported(url, where);
  const defined = {
    models: ownModels.names.filter((name) => !models.includes(name)),
    strategies: ownStrategies.names.filter((name) => !strategies.includes(name)),
  };
  modules.set(url, defined);
  return defined;
}

/** Imports a module. What it throws itself is left as it is, with the line that it comes from. */
async function imported(url: string, where: string): Promise<void> {
  try {
    await import(url);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ERR_UNKNOWN_FILE_EXTENSION") {
      throw new UserError(
        `${where}: Node ${process.versions.node} does not run this kind of file; name a module of JavaScript: TypeScript is compiled by npx tsc, or run as it is by Node 22.18 and later`,
      );
    }
    if (code === "ERR_MODULE_NOT_FOUND")
      throw new UserError(`${where}: ${messageOf(error)}; install it, or correct its name`);
    if (error instanceof SyntaxError) {
      throw new UserError(
        `${where}: ${error.message}; node --check FILE shows the line, of this file or of one that it imports`,
      );
    }
    throw error;
  }
}

const definesNone = (where: string, what: string, define: string) =>
  new UserError(
    `${where}: defines no ${what} of this tokenformer; call ${define} in it, imported from the tokenformer whose command this is`,
  );

/**
 * The model to train: the one that the imported modules define, or of several the one that is named; `undefined` where a file of
 * `--config` names it.
 * @throws UserError where there are several, and none is named
 */
export async function ownModelToTrain({
  config,
  set = [],
  model = [],
}: {
  readonly config?: string;
  readonly set?: readonly string[];
  readonly model?: readonly string[];
}): Promise<string | undefined> {
  const defined = await Promise.all(model.map((file) => definedBy(file, `--model ${file}`)));
  const names = defined.flatMap(({ models }) => models);
  const named = names.find((name) => set.includes(`model.type=${name}`));
  if (named !== undefined || names.length === 1) return named ?? names[0];
  if (config !== undefined) return undefined;
  throw new UserError(
    `--model: defines ${names.join(", ")}; say which to train, such as --set model.type=${names[0]}, or in a --config file`,
  );
}
