/** A button that asks once more before it does what cannot be undone. */

import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { focusOnce } from "./focused.ts";

interface ConfirmProps {
  readonly label: string;
  /** What it is done to. */
  readonly about: string;
  readonly confirmed: () => void;
}

export function ConfirmButton({ label, about, confirmed }: ConfirmProps) {
  const asking = useSignal(false);
  const trigger = useRef<HTMLButtonElement>(null);
  const stop = () => {
    asking.value = false;
    requestAnimationFrame(() => trigger.current?.focus());
  };
  if (!asking.value) {
    return (
      <button
        type="button"
        class="plain"
        ref={trigger}
        aria-label={`${label} ${about}`}
        onClick={() => {
          asking.value = true;
        }}
      >
        {label}
      </button>
    );
  }
  return (
    <fieldset
      class="confirm"
      onKeyDown={(event) => {
        if (event.key === "Escape") stop();
      }}
      aria-label={`${label} ${about}?`}
    >
      <button
        type="button"
        class="danger"
        ref={focusOnce}
        onClick={() => {
          asking.value = false;
          confirmed();
        }}
      >
        {label} for good
      </button>
      <button type="button" class="plain" onClick={stop}>
        Keep
      </button>
    </fieldset>
  );
}
