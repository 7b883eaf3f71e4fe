/** What the studio's engine finds in its worker, as far as the files of it have that run in Node here. */

declare const self: { readonly location: { readonly href: string } };

interface ImportMeta {
  readonly env: { readonly DEV: boolean };
}
