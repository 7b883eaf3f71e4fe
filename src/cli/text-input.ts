/** What is too long for a command line: prompts and names of data, from files or from standard input. */

import { buffer } from "node:stream/consumers";
import { Option } from "commander";
import { UserError } from "../errors.ts";
import { decodeText, readText } from "../text/index.ts";

const STANDARD_INPUT = "-";

export const dataListOption = () =>
  new Option("--data-list <file>", "a file with names for --data, one a line; - reads standard input");

/** The names of data that are given, here and in a list; undefined where there are none. */
export async function namedData({
  data,
  dataList,
}: {
  readonly data?: readonly string[];
  readonly dataList?: string;
}): Promise<readonly string[] | undefined> {
  if (dataList === undefined) return data;
  const names = (await textFrom(dataList)).split(/\r?\n/).filter((line) => line.trim() !== "");
  if (names.length > 0) return [...(data ?? []), ...names];
  throw new UserError(`--data-list ${dataList}: has no names, expected one a line; name files or folders`);
}

/** The prompt in a file, without the line break at its end that editors write. */
export async function promptFrom(file: string): Promise<string> {
  return (await textFrom(file)).replace(/\r?\n$/, "");
}

async function textFrom(file: string): Promise<string> {
  if (file !== STANDARD_INPUT) return readText(file);
  return decodeText(await buffer(process.stdin), "standard input");
}
