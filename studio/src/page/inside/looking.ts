/** What is looked at: a text, a layer, a site, a token; and what the model was found to do there. */

import { signal } from "@preact/signals";
import type { AttentionWeights, Inspection, RunView, SiteView, SiteWeights } from "../../engine/api.ts";
import { engine } from "../store/state.ts";

export type SiteKind = SiteView["kind"];

/** What is shown of one moment of the model. */
export interface Look {
  readonly text: string;
  readonly inspection: Inspection;
  readonly site: SiteWeights | undefined;
  readonly attention: AttentionWeights | undefined;
}

/** Characters of a text that nobody has chosen: enough to see a pattern, few enough to read along the edge. */
const FIRST_LENGTH = 48;

export class Looking {
  readonly #run: string;
  readonly text = signal("");
  readonly layer = signal(0);
  readonly kind = signal<SiteKind>("feedForward");
  /** The head of attention between tokens; undefined: the mean of all. */
  readonly head = signal<number | undefined>(undefined);
  /** The place in the text whose next token is told. */
  readonly chosen = signal<number | undefined>(undefined);
  /** The place under the pointer, which is shown for as long as it is there. */
  readonly pointed = signal<number | undefined>(undefined);
  readonly look = signal<Look | undefined>(undefined);
  readonly fault = signal<string | undefined>(undefined);
  readonly looks = signal(false);
  #wanted = false;

  constructor(run: string) {
    this.#run = run;
  }

  /** The place that is shown. */
  get place(): number {
    const last = (this.look.value?.inspection.tokens.length ?? 1) - 1;
    return Math.min(this.pointed.value ?? this.chosen.value ?? last, last);
  }

  /** Looks at the present text and site: once more after the look under way, however often it was asked for. */
  async again(): Promise<void> {
    this.#wanted = true;
    if (this.looks.peek()) return;
    this.looks.value = true;
    while (this.#wanted) {
      this.#wanted = false;
      await this.#once();
    }
    this.looks.value = false;
  }

  async #once(): Promise<void> {
    const text = this.text.peek();
    if (text === "") {
      this.fault.value = "There is no text to look into; type some.";
      return;
    }
    try {
      const look = await this.#lookAt(text);
      if (look.text !== this.look.peek()?.text) this.chosen.value = undefined;
      this.look.value = look;
      this.fault.value = undefined;
    } catch (error) {
      this.fault.value = error instanceof Error ? error.message : String(error);
    }
  }

  async #lookAt(text: string): Promise<Look> {
    const inspection = await engine().inspect(this.#run, text);
    const layer = Math.min(this.layer.peek(), Math.max(0, inspection.layers - 1));
    const kind = this.kind.peek();
    const path = inspection.sites.find((site) => site.layer === layer && site.kind === kind)?.path;
    return {
      text,
      inspection,
      site: path === undefined ? undefined : await engine().siteWeights(this.#run, path),
      attention: inspection.layers === 0 ? undefined : await engine().attentionWeights(this.#run, layer),
    };
  }
}

/** A text that the model knows all characters of: the beginning of what it wrote last. */
export function firstText({ samples, summary }: RunView): string {
  const written = samples.at(-1)?.text.trimStart().slice(0, FIRST_LENGTH);
  if (written !== undefined && written !== "") return written;
  return summary.opening ?? "the";
}
