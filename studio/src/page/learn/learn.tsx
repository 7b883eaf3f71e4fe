/** The story, fetched when it is first asked for: the first screen does without. */

import { useSignal } from "@preact/signals";
import type { ComponentType } from "preact";
import { useEffect } from "preact/hooks";
import { focusTitle } from "../store/address.ts";

export function Learn() {
  const page = useSignal<{ readonly Page: ComponentType } | undefined>(undefined);
  const failed = useSignal(false);
  useEffect(() => {
    import("./learn-page.tsx").then(
      ({ default: Page }) => {
        page.value = { Page };
        focusTitle();
      },
      () => {
        failed.value = true;
      },
    );
  }, []);
  if (page.value === undefined)
    return (
      <p class="empty">{failed.value ? "This page could not be loaded: try again with a network." : "Loading…"}</p>
    );
  const { Page } = page.value;
  return <Page />;
}
