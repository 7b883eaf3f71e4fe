/** A text to be typed, pasted or read from a file: as long as a book. */

import { useId } from "preact/hooks";
import { count } from "../format.ts";
import { TextFileButton } from "./text-file.tsx";

interface LongTextProps {
  /** For screen readers. */
  readonly label: string;
  readonly placeholder: string;
  /** What the text is called. */
  readonly name: string;
  readonly value: string;
  /** What is wrong with it. */
  readonly complaint: string | undefined;
  readonly change: (value: string) => void;
  readonly take: (file: File | undefined) => Promise<void>;
}

/** As much of a long text as a field shows without becoming slow. */
const SHOWN = 20_000;

export function LongText({ label, placeholder, name, value, complaint, change, take }: LongTextProps) {
  const id = useId();
  const long = value.length > SHOWN;
  return (
    <>
      <label for={id} class="visually-hidden">
        {label}
      </label>
      <textarea
        id={id}
        rows={6}
        placeholder={placeholder}
        value={long ? value.slice(0, SHOWN) : value}
        readOnly={long}
        aria-describedby={`${id}-note`}
        aria-invalid={complaint !== undefined && value !== ""}
        onInput={({ currentTarget }) => change(currentTarget.value)}
        onPaste={(event) => {
          const pasted = event.clipboardData?.getData("text/plain") ?? "";
          if (pasted.length <= SHOWN || long) return;
          // The field would lay all of it out, which takes a browser many seconds.
          event.preventDefault();
          const { value: before, selectionStart, selectionEnd } = event.currentTarget;
          change(before.slice(0, selectionStart) + pasted.replaceAll("\r\n", "\n") + before.slice(selectionEnd));
        }}
      />
      <p class="row">
        <span id={`${id}-note`} class={complaint === undefined || value === "" ? "note" : "wrong"}>
          {complaint ?? `${name}: ${count(value.length)} characters${long ? ", the first of them shown" : ""}`}
        </span>
        {long && (
          <button type="button" class="plain" onClick={() => change("")}>
            Clear
          </button>
        )}
        <TextFileButton take={take}>Choose a file</TextFileButton>
      </p>
    </>
  );
}
