/** What the studio's engine finds in its worker, as far as the files of it have that run in Node here. */

declare const self: { readonly location: { readonly href: string } };

interface IDBKeyRange {
  includes(key: unknown): boolean;
}

declare const IDBKeyRange: {
  bound(lower: unknown, upper: unknown, lowerOpen?: boolean, upperOpen?: boolean): IDBKeyRange;
  upperBound(upper: unknown, open?: boolean): IDBKeyRange;
};

interface ImportMeta {
  readonly env: { readonly DEV: boolean };
}
