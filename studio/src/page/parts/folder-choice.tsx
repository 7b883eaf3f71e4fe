/** Buttons that have a zip or a folder chosen. */

import type { ComponentChildren } from "preact";
import type { NamedFile } from "../../engine/api.ts";

/** What was chosen. */
export interface Chosen {
  readonly name: string;
  readonly files: Blob | readonly NamedFile[];
}

interface ChoiceProps {
  readonly blocked: boolean;
  readonly choose: (chosen: Chosen) => unknown;
  readonly children: ComponentChildren;
}

export function FileChoice({ blocked, choose, children }: ChoiceProps) {
  return (
    <label class="button file" aria-disabled={blocked}>
      {children}
      <input
        type="file"
        accept=".zip,application/zip"
        disabled={blocked}
        onChange={({ currentTarget }) => tell(currentTarget, choose)}
      />
    </label>
  );
}

export function FolderChoice({ blocked, choose, children }: ChoiceProps) {
  return (
    <label class="button file" aria-disabled={blocked}>
      {children}
      <input
        type="file"
        multiple
        disabled={blocked}
        ref={(input) => input?.setAttribute("webkitdirectory", "")}
        onChange={({ currentTarget }) => tell(currentTarget, choose)}
      />
    </label>
  );
}

function tell(input: HTMLInputElement, choose: ChoiceProps["choose"]): void {
  const chosen = chosenIn(input);
  if (chosen !== undefined) choose(chosen);
}

function chosenIn(input: HTMLInputElement): Chosen | undefined {
  const files = [...(input.files ?? [])];
  input.value = "";
  const [first] = files;
  if (first === undefined) return undefined;
  if (files.length === 1 && ZIP.test(first.name)) return { name: withoutEnding(first.name), files: first };
  const folder = first.webkitRelativePath.split("/")[0] ?? "";
  return { name: folder || "Run", files: files.map(named) };
}

/** Some systems write endings in capitals. */
const ZIP = /\.zip$/i;
const withoutEnding = (name: string) => name.replace(ZIP, "");

/** A chosen file with its name inside the folder. */
function named(file: File): NamedFile {
  const [, ...inside] = file.webkitRelativePath.split("/");
  return { name: inside.length > 0 ? inside.join("/") : file.name, data: file };
}
