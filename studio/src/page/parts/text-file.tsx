/** A button that has a text file chosen. */

import type { ComponentChildren } from "preact";

interface TextFileProps {
  readonly blocked?: boolean;
  readonly take: (file: File) => unknown;
  readonly children: ComponentChildren;
}

export function TextFileButton({ blocked = false, take, children }: TextFileProps) {
  return (
    <label class="button file" aria-disabled={blocked}>
      {children}
      <input
        type="file"
        accept="text/*,.txt,.md,.csv,.json,.jsonl,.ndjson,.tex"
        disabled={blocked}
        onChange={({ currentTarget }) => {
          const file = currentTarget.files?.[0];
          // The same file may be chosen again, after it was changed or cleared away.
          currentTarget.value = "";
          if (file !== undefined) take(file);
        }}
      />
    </label>
  );
}
