import { basename, dirname, join } from "node:path";
import { fileExists } from "../formats/files/atomic.ts";
import { readFileText } from "../formats/files/read-file.ts";
import { readJson } from "../formats/json/json.ts";
import { loadTokenizer } from "./load-tokenizer.ts";
import type { Tokenizer } from "./tokenizer.ts";
import { readSettings, SETTINGS, type TokenizerSettings, withSettings } from "./tokenizer-settings.ts";

/** Newer models have their template in a file of its own. */
const TEMPLATE = "chat_template.jinja";

/** Where the settings of a tokenizer are: beside a `tokenizer.json`, or a `NAME.tokenizer.json`, under the same beginning of the name. */
export function settingsName(file: string): string {
  return file.replace(/tokenizer\.json$/, SETTINGS);
}

/**
 * Reads a tokenizer, with the settings that are beside it, and the `chat_template.jinja` beside a `tokenizer.json`.
 *
 * @throws UserError where a file cannot be read or describes no tokenizer.
 */
export async function readTokenizer(file: string): Promise<Tokenizer> {
  const tokenizer = loadTokenizer(await readJson(file), file);
  const settings = file.endsWith("tokenizer.json") ? await settingsBeside(file) : undefined;
  return settings === undefined ? tokenizer : withSettings(tokenizer, settings);
}

async function settingsBeside(tokenizer: string): Promise<TokenizerSettings | undefined> {
  const file = settingsName(tokenizer);
  const template = join(dirname(tokenizer), TEMPLATE);
  const json = (await fileExists(file)) ? await readJson(file) : undefined;
  if (basename(tokenizer) !== "tokenizer.json" || !(await fileExists(template))) {
    return json === undefined ? undefined : readSettings(json, file);
  }
  const { json: known } = readSettings(json ?? {}, file);
  return readSettings({ ...known, chat_template: await readFileText(template) }, file);
}
