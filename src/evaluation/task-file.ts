/** Tasks as files: a question a line, in JSON. */

import { UserError } from "../errors.ts";
import { checkJsonLine, parseJsonLines } from "../formats/index.ts";
import { readText } from "../text/index.ts";
import { layouts, type Question, type TaskType, taskTypeOf, taskTypes } from "./layouts.ts";

export interface TaskFile {
  readonly type: TaskType;
  /** The questions, at least one. */
  readonly questions: readonly { readonly question: Question; readonly line: number }[];
}

/**
 * Reads a task.
 * @param type the layout; by default told by the keys of the first line
 * @throws UserError that names the line and the key that do not fit the layout
 */
export async function readTask(file: string, type?: TaskType): Promise<TaskFile> {
  const lines = parseJsonLines(await readText(file), file);
  const [first] = lines;
  if (first === undefined) throw new UserError(`${file}: has no lines, expected one question a line`);
  const known = type ?? taskTypeOf(first.value);
  if (known === undefined) {
    throw new UserError(
      `${file}:${first.line}: the keys belong to no known task, expected those of ${taskTypes.join(", ")}; name one with --task-type`,
    );
  }
  const schema = layouts[known];
  return {
    type: known,
    questions: lines.map((line) => ({ question: checkJsonLine(line, file, schema), line: line.line })),
  };
}
