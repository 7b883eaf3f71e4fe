/** WebAssembly, as far as it is used: TypeScript declares it only together with a browser's whole interface. */

declare const WebAssembly: {
  readonly Memory: new (size: { initial: number; maximum?: number; shared?: boolean }) => WasmMemory;
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: Readonly<Record<string, unknown>> };
};

export interface WasmMemory {
  /** Another object after each `grow`. */
  readonly buffer: ArrayBuffer;
  /** @param pages of 64 kB more; RangeError where they cannot be had */
  grow(pages: number): number;
}

export const { Memory, Module, Instance } = WebAssembly;
