/** For a run that could not be opened: perhaps the text that it learnt from is not in its files, and the visitor has it. */

import type { TextChoice } from "../../engine/api.ts";
import { textChoiceOf } from "../home/read-text.ts";
import { TextFileButton } from "../parts/text-file.tsx";

interface MissingTextProps {
  /** The name of the run. */
  readonly name: string;
  /** Opens the run once more, with this text. */
  readonly retry: (text: TextChoice) => Promise<unknown>;
}

export function MissingText({ name, retry }: MissingTextProps) {
  const take = async (file: File) => {
    const text = await textChoiceOf(file);
    if (text !== undefined) await retry(text);
  };
  return (
    <p class="missing-text note">
      If it is the text of {name} that is missing:
      <TextFileButton take={take}>Open it with a text file</TextFileButton>
    </p>
  );
}
