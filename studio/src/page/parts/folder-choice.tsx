/** Buttons that have a zip or a folder chosen. */

import type { ComponentChildren } from "preact";
import type { NamedFile } from "../../engine/api.ts";
import { FileButton } from "./file-button.tsx";

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
    <FileButton blocked={blocked} accept=".zip,application/zip" take={(files) => tell(files, choose)}>
      {children}
    </FileButton>
  );
}

export function FolderChoice({ blocked, choose, children }: ChoiceProps) {
  return (
    <FileButton blocked={blocked} isFolder take={(files) => tell(files, choose)}>
      {children}
    </FileButton>
  );
}

function tell(files: readonly File[], choose: ChoiceProps["choose"]): void {
  const [first] = files;
  if (first === undefined) return;
  if (files.length === 1 && ZIP.test(first.name)) choose({ name: withoutEnding(first.name), files: first });
  else {
    const folder = first.webkitRelativePath.split("/")[0] ?? "";
    choose({ name: folder || "Run", files: files.map(named) });
  }
}

/** Some systems write endings in capitals. */
const ZIP = /\.zip$/i;
const withoutEnding = (name: string) => name.replace(ZIP, "");

/** A chosen file with its name inside the folder. */
function named(file: File): NamedFile {
  const [, ...inside] = file.webkitRelativePath.split("/");
  return { name: inside.length > 0 ? inside.join("/") : file.name, data: file };
}
