/** What the studio's engine finds in its worker, as far as the files of it have that run in Node here. */

declare const self: { readonly location: { readonly href: string }; readonly crossOriginIsolated: boolean };

interface Lock {
  readonly name: string;
}

interface LockManager {
  query(): Promise<{ readonly held?: readonly Partial<Lock>[] }>;
  request(
    name: string,
    options: { readonly mode?: "shared"; readonly ifAvailable?: boolean },
    granted: (lock: Lock | null) => Promise<void> | undefined | void,
  ): Promise<void>;
}

declare const navigator: { readonly locks?: LockManager };

interface PromiseConstructor {
  withResolvers<Value>(): {
    readonly promise: Promise<Value>;
    readonly resolve: (value: Value) => void;
    readonly reject: (reason: unknown) => void;
  };
}

interface IDBDatabase {
  close(): void;
}

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
