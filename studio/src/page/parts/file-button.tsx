/** A button that has files chosen. */

import type { ComponentChildren } from "preact";

interface FileButtonProps {
  readonly blocked: boolean;
  /** The kinds of files, as inputs have them. Default: any. */
  readonly accept?: string;
  /** Whether it is a folder that is chosen, with all that is in it. */
  readonly isFolder?: boolean;
  readonly take: (files: readonly File[]) => unknown;
  readonly children: ComponentChildren;
}

export function FileButton({ blocked, accept, isFolder = false, take, children }: FileButtonProps) {
  return (
    <label class="button file" aria-disabled={blocked}>
      {children}
      <input
        type="file"
        {...(accept !== undefined && { accept })}
        multiple={isFolder}
        disabled={blocked}
        {...(isFolder && { ref: ofFolders })}
        onChange={({ currentTarget }) => {
          const files = [...(currentTarget.files ?? [])];
          // The same may be chosen again, after it was changed or cleared away.
          currentTarget.value = "";
          if (files.length > 0) take(files);
        }}
      />
    </label>
  );
}

const ofFolders = (input: HTMLInputElement | null) => input?.setAttribute("webkitdirectory", "");
