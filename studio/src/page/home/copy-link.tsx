/** A link that opens the page with these choices. */

import { CopyButton } from "../parts/copy-button.tsx";
import { draft, toQuery } from "../store/draft.ts";

export function CopyLink() {
  return (
    <p class="copy-link">
      <CopyButton
        text={link}
        label="Copy a link to these choices"
        copied="Copied. Your text is not in it."
        refused="The link is in the address bar now; copy it from there."
      />
    </p>
  );
}

/** The page's address with the choices, which it also takes on. */
function link(): string {
  history.replaceState(null, "", `#/new?${toQuery(draft.peek())}`);
  return location.href;
}
