/** A button that has a text file chosen. */

import type { ComponentChildren } from "preact";
import { FileButton } from "./file-button.tsx";

interface TextFileProps {
  readonly blocked?: boolean;
  readonly take: (file: File) => unknown;
  readonly children: ComponentChildren;
}

const TEXTS = "text/*,.txt,.md,.csv,.json,.jsonl,.ndjson,.tex";

export function TextFileButton({ blocked = false, take, children }: TextFileProps) {
  return (
    <FileButton blocked={blocked} accept={TEXTS} take={([file]) => file !== undefined && take(file)}>
      {children}
    </FileButton>
  );
}
