/** What the page and its worker tell each other. */

export interface ToWorker {
  readonly text: string;
  readonly steps: number;
  readonly prompt: string;
}

export type FromWorker =
  | { readonly type: "loss"; readonly step: number; readonly loss: number }
  | { readonly type: "line" | "text"; readonly text: string }
  | { readonly type: "end" };
