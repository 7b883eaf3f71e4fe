/** For a run that could not be opened: perhaps the text that it learnt from is not in its files, and the visitor has it. */

import type { TextChoice } from "../../engine/api.ts";
import { readText } from "../home/read-text.ts";
import { tell } from "../store/state.ts";

interface MissingTextProps {
  /** The name of the run. */
  readonly name: string;
  /** Opens the run once more, with this text. */
  readonly retry: (text: TextChoice) => Promise<unknown>;
}

export function MissingText({ name, retry }: MissingTextProps) {
  const take = async (file: File | undefined) => {
    if (file === undefined) return;
    const read = await readText(file);
    if ("fault" in read) tell(read.fault, "fault");
    else await retry({ kind: "own", ...read });
  };
  return (
    <p class="missing-text note">
      If it is the text of {name} that is missing:
      <label class="button file">
        Open it with a text file
        <input
          type="file"
          accept="text/*,.txt,.md,.jsonl"
          onChange={({ currentTarget }) => void take(currentTarget.files?.[0])}
        />
      </label>
    </p>
  );
}
