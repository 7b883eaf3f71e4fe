/** A link that opens the page with these choices. */

import { CopyButton } from "../parts/copy-button.tsx";
import { isPublic, publicAddress } from "../parts/public-address.ts";
import { choicesQuery, text } from "../store/draft.ts";

export function CopyLink() {
  return (
    <p class="copy-link">
      <CopyButton
        text={link}
        label="Copy a link to these choices"
        copied={`Copied.${text.value.kind === "own" ? " Your text is not in it." : ""}${isPublic() ? "" : " This page is served by your own computer, so the link opens here alone."}`}
        refused="The link is in the address bar now; copy it from there."
      />
    </p>
  );
}

/** The page's address with the choices, which it also takes on. */
function link(): string {
  history.replaceState(null, "", `#/new?${choicesQuery()}`);
  return publicAddress() + location.hash;
}
