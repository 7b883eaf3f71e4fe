/** What an orange cell is, in two sentences. */

export function TokenCaption() {
  return (
    <p class="token-caption">
      A <b>parameter token</b> is a question it recognises and an answer it adds. <b class="new">Orange</b> ones were
      added later.
    </p>
  );
}
