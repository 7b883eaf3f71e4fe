/** What an orange cell is, in two sentences. */

/** @param growths of the model that is shown: tokens of each have a colour of their own. Default: one. */
export function TokenCaption({ growths = 1 }: { readonly growths?: number }) {
  return (
    <p class="token-caption">
      A <b>parameter token</b> is a question it recognises and an answer it adds. <b class="new">Orange</b> ones were
      added later{growths > 1 && ", and those of other colours later still"}.
    </p>
  );
}
