/** A run from a file: a zip, or the files of a checkpoint directory. */

import { useSignal } from "@preact/signals";
import type { NamedFile, TextChoice } from "../../engine/api.ts";
import { take } from "../store/actions.ts";
import { addressOfRun, goTo } from "../store/address.ts";
import { busy, phase } from "../store/state.ts";
import { MissingText } from "./missing-text.tsx";

/** What was chosen. */
interface Chosen {
  readonly name: string;
  readonly files: Blob | readonly NamedFile[];
}

export function ImportRun() {
  /** What could not be opened. */
  const failed = useSignal<Chosen | undefined>(undefined);
  const takes = busy.value.has("import");
  const blocked = takes || phase.value.kind !== "ready";
  const open = async (chosen: Chosen | undefined, text?: TextChoice) => {
    if (chosen === undefined) return;
    const run = await take(chosen.name, chosen.files, text);
    failed.value = run === undefined ? chosen : undefined;
    if (run !== undefined) goTo(addressOfRun(run));
  };
  return (
    <div class="row">
      <label class="button file" aria-disabled={blocked}>
        {takes ? "Opening…" : "Open a zip"}
        <input
          type="file"
          accept=".zip,application/zip"
          disabled={blocked}
          onChange={({ currentTarget }) => void open(chosenIn(currentTarget))}
        />
      </label>
      <label class="button file" aria-disabled={blocked}>
        Open a folder
        <input
          type="file"
          multiple
          disabled={blocked}
          ref={(input) => input?.setAttribute("webkitdirectory", "")}
          onChange={({ currentTarget }) => void open(chosenIn(currentTarget))}
        />
      </label>
      {failed.value !== undefined && (
        <MissingText name={failed.value.name} retry={(text) => open(failed.value, text)} />
      )}
    </div>
  );
}

function chosenIn(input: HTMLInputElement): Chosen | undefined {
  const files = [...(input.files ?? [])];
  input.value = "";
  const [first] = files;
  if (first === undefined) return undefined;
  if (files.length === 1 && first.name.endsWith(".zip")) return { name: withoutEnding(first.name), files: first };
  const folder = first.webkitRelativePath.split("/")[0] ?? "";
  return { name: folder || "Run", files: files.map(named) };
}

const withoutEnding = (name: string) => name.replace(/\.zip$/, "");

/** With its name inside the folder. */
function named(file: File): NamedFile {
  const [, ...inside] = file.webkitRelativePath.split("/");
  return { name: inside.length > 0 ? inside.join("/") : file.name, data: file };
}
