/** The interface of a module as its declarations say it, without comments: what a user's program is compiled against. */

import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";

interface DeclarationFile {
  /** The text of each declaration by its name; a function that is overloaded has several in one. */
  readonly declarations: ReadonlyMap<string, string>;
  /** Names that are passed on: where they come from, and what they are called there. */
  readonly passedOn: ReadonlyMap<string, { readonly file: string; readonly name: string }>;
  /** Files all of whose names are passed on. */
  readonly wholly: readonly string[];
}

const files = new Map<string, DeclarationFile>();

/** The interface of a `.d.ts` file: its names in alphabetical order, each with its declaration. */
export function interfaceOf(file: string): string {
  const lines = [...namesOf(file)].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, text]) => text);
  return `${lines.join("\n\n")}\n`;
}

/** The declaration of each name that a file exports. */
function namesOf(file: string): Map<string, string> {
  const { passedOn, wholly, declarations } = parsed(file);
  const found = new Map<string, string>();
  for (const other of wholly) for (const [name, text] of namesOf(other)) found.set(name, text);
  for (const [name, text] of declarations)
    if (text.startsWith("export ")) found.set(name, withSchema(text, declarations));
  for (const [name, from] of passedOn) {
    const text = namesOf(from.file).get(from.name);
    if (text === undefined) throw new Error(`${from.file} exports no ${from.name}`);
    found.set(name, name === from.name ? text : `${text} // as ${name}`);
  }
  return found;
}

/** A type that is that of a schema, with the schema, which tells its shape. */
function withSchema(text: string, declarations: ReadonlyMap<string, string>): string {
  const [, name = ""] = /\bz\.(?:infer|input)<typeof (\w+)>/.exec(text) ?? [];
  const schema = declarations.get(name);
  return schema === undefined ? text : `${text}\n// of ${schema.replace(/^(export )?declare const /, "")}`;
}

function parsed(file: string): DeclarationFile {
  const known = files.get(file);
  if (known !== undefined) return known;
  const text = readFileSync(file, "utf8").replace(/\/\*[\s\S]*?\*\//g, "");
  const declarations = new Map<string, string>();
  const passedOn = new Map<string, { file: string; name: string }>();
  const wholly: string[] = [];
  const at = (path: string) => join(dirname(file), path.replace(/\.(ts|js)$/, ".d.ts"));
  for (const statement of text.split(/^(?=export |declare |import |interface |type )/m)) {
    const [, names, from = ""] = /^export (?:type )?\{([^}]*)\} from "([^"]+)"/.exec(statement) ?? [];
    const [, all] = /^export (?:type )?\* from "([^"]+)"/.exec(statement) ?? [];
    if (all !== undefined) wholly.push(at(all));
    for (const item of names?.split(",").filter((part) => part.trim() !== "") ?? []) {
      const [, name = "", as = name] = /^\s*(?:type )?(\w+)(?: as (\w+))?\s*$/.exec(item) ?? [];
      passedOn.set(as, { file: at(from), name });
    }
    const [, declared] =
      /^(?:export )?(?:declare )?(?:abstract )?(?:class|interface|type|const|function) (\w+)/.exec(statement) ?? [];
    if (declared !== undefined)
      declarations.set(declared, [declarations.get(declared), tidied(statement)].filter(Boolean).join("\n"));
  }
  const result = { declarations, passedOn, wholly };
  files.set(file, result);
  return result;
}

/** Without what is private, and empty lines. */
function tidied(statement: string): string {
  return statement
    .split("\n")
    .filter((line) => line.trim() !== "" && !/^\s+(#private;|private )/.test(line) && !line.startsWith("//#"))
    .join("\n");
}
