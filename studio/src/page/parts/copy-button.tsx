/** Copies a text, and says so. */

import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";

interface CopyProps {
  readonly text: () => string;
  readonly label?: string;
  readonly copied?: string;
  /** What to say where the browser does not let the page copy. */
  readonly refused?: string;
  readonly disabled?: boolean;
}

/** Milliseconds for which it is said. */
const SAID = 4000;

export function CopyButton({
  text,
  label = "Copy",
  copied = "Copied.",
  refused = "Select it and copy it.",
  disabled = false,
}: CopyProps) {
  const said = useSignal("");
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const copy = async () => {
    said.value = (await toClipboard(text())) ? copied : refused;
    clearTimeout(timer.current);
    timer.current = setTimeout(() => {
      said.value = "";
    }, SAID);
  };
  return (
    <>
      <button type="button" class="plain" disabled={disabled} onClick={() => void copy()}>
        {label}
      </button>
      <span role="status" class="note">
        {said.value}
      </span>
    </>
  );
}

async function toClipboard(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copiedFromField(text);
  }
}

/** A page that is not served securely has no clipboard, but can have copied what is selected in it. */
function copiedFromField(text: string): boolean {
  const focused = document.activeElement;
  const field = Object.assign(document.createElement("textarea"), { value: text, className: "visually-hidden" });
  document.body.append(field);
  field.select();
  const copied = document.execCommand("copy");
  field.remove();
  if (focused instanceof HTMLElement) focused.focus();
  return copied;
}
