/** The choices of a run that is not made yet, and what they come to. */

import { computed, effect, signal } from "@preact/signals";
import type { Architecture, Choices, Complaint, Estimate, LossPart, Pieces, TextChoice } from "../../engine/api.ts";
import { DEFAULT_TEXT, galleryText, galleryTextNamed, type TextKey } from "../../engine/gallery.ts";
import { unused } from "./names.ts";
import { engine, phase } from "./state.ts";

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export type Draft = Omit<Choices, "text" | "pieces" | "growth" | "name">;

export type NumberField = Exclude<keyof Draft, "architecture">;

export interface Preset {
  readonly key: string;
  readonly title: string;
  readonly note: string;
  readonly draft: Draft;
}

const COMMON = { architecture: "tokenformer", batch: 12, seed: 1 } as const;

const SMALL: Draft = {
  ...COMMON,
  layers: 4,
  heads: 4,
  width: 128,
  context: 64,
  attentionTokens: 128,
  feedForwardTokens: 512,
  learningRate: 1e-3,
};

export const PRESETS: readonly Preset[] = [
  {
    key: "tiny",
    title: "Tiny",
    note: "Quick, even on a phone",
    draft: { ...SMALL, layers: 2, width: 64, attentionTokens: 64, feedForwardTokens: 256 },
  },
  { key: "small", title: "Small", note: "A good start on a laptop", draft: SMALL },
  {
    key: "medium",
    title: "Medium",
    note: "Writes better, wants a graphics card",
    draft: {
      ...SMALL,
      layers: 6,
      heads: 6,
      width: 192,
      context: 128,
      attentionTokens: 192,
      feedForwardTokens: 768,
    },
  },
];

export const draft = signal<Draft>(SMALL);
export const ownName = signal("");

/** The visitor's own text, which stays while the page's is looked at. */
export const ownText = signal<{ readonly name: string; readonly text: string }>({ name: "My text", text: "" });
/** What is learned of that, where it has prompts or conversations. */
export const lossOn = signal<LossPart>("completion");
export const textKind = signal<TextChoice["kind"]>("gallery");
/** Of the page's own texts, the one that was chosen last. */
export const textKey = signal<TextKey>(DEFAULT_TEXT);
export const text = computed(
  (): TextChoice =>
    textKind.value === "gallery"
      ? { kind: "gallery", key: textKey.value }
      : { kind: "own", ...ownText.value, lossOn: lossOn.value },
);
/** What that is cut into: a text of the page's own is read by characters. */
export const pieces = signal<Pieces>("characters");

/** The preset that the draft is, if any. */
export const preset = computed(() => PRESETS.find((candidate) => isSame(candidate.draft, draft.value)));

function isSame(a: Draft, b: Draft): boolean {
  return FIELDS.every((field) => a[field] === b[field]) && a.architecture === b.architecture;
}

const FIELDS: readonly NumberField[] = [
  "layers",
  "heads",
  "width",
  "context",
  "attentionTokens",
  "feedForwardTokens",
  "batch",
  "learningRate",
  "seed",
];

/** A name for the run: the visitor's, or that of its text and size, with a number where it is taken. */
export const name = computed(() => {
  const chosen = ownName.value.trim();
  if (chosen !== "") return chosen;
  const textName = text.value.kind === "gallery" ? galleryText(text.value.key).name : text.value.name;
  const size = preset.value?.title.toLowerCase() ?? `${draft.value.layers} × ${draft.value.width}`;
  const plain = `${textName}, ${size}`;
  return unused(plain);
});

export const choices = computed(
  (): Choices => ({
    ...draft.value,
    name: name.value,
    text: text.value,
    pieces: text.value.kind === "own" ? pieces.value : "characters",
  }),
);

// ---- what they come to ------------------------------------------------------------------------------------------------

export const estimate = signal<Estimate | undefined>(undefined);

/** Characters that a text needs to be split, with room for a few contexts in its smaller part. */
export const fewestCharacters = computed(() => 40 * (draft.value.context + 1));

export const complaints = computed((): readonly Complaint[] => {
  const told = estimate.value?.complaints ?? [];
  const choice = text.value;
  if (choice.kind === "gallery" || choice.text.length >= fewestCharacters.value) return told;
  const has = choice.text.length.toLocaleString("en");
  const message = `This text has ${has} characters; a context of ${draft.value.context} needs at least ${fewestCharacters.value.toLocaleString("en")}. Add more text, or choose a shorter context.`;
  return [...told, { field: "text", message }];
});

/** Milliseconds without a change before the engine is asked. */
const PAUSE = 120;

/** Asks the engine what the choices come to, whenever they change. */
export function keepEstimating(): () => void {
  let round = 0;
  return effect(() => {
    const asked = choices.value;
    if (phase.value.kind !== "ready") return;
    const mine = ++round;
    const timer = setTimeout(async () => {
      const found = await engine().estimate({ ...asked, text: alphabet(asked.text) });
      if (mine === round) estimate.value = found;
    }, PAUSE);
    return () => clearTimeout(timer);
  });
}

/** A text of the same characters: what an estimate depends on, without sending a book with each change. */
function alphabet(choice: TextChoice): TextChoice {
  return choice.kind === "gallery" ? choice : { ...choice, text: alphabetOf(choice.text) };
}

let last = { text: "", alphabet: "" };

function alphabetOf(of: string): string {
  if (last.text !== of) last = { text: of, alphabet: [...new Set(of)].join("") };
  return last.alphabet;
}

// ---- in an address ----------------------------------------------------------------------------------------------------

/** What stands for a text of the visitor's own, which stays with them. */
const OWN = "own";

/** The choices of the first screen as a query: all of them, as whoever opens it may have made others. */
export function choicesQuery(): string {
  const { text: chosen, pieces: cut } = choices.peek();
  const query = toQuery(draft.peek());
  query.set("text", chosen.kind === "own" ? OWN : galleryText(chosen.key).name);
  query.set("pieces", cut);
  if (chosen.kind === "own") query.set("learns", lossOn.peek());
  return query.toString();
}

/** A draft as a query. */
export function toQuery(of: Draft): URLSearchParams {
  const query = new URLSearchParams({ architecture: of.architecture });
  for (const field of FIELDS) query.set(field, String(of[field]));
  return query;
}

/** Takes over the choices of a query. */
export function fromQuery(query: string): void {
  const given = new URLSearchParams(query);
  draft.value = draftOf(given, draft.peek());
  pieces.value = piecesOf(given) ?? pieces.peek();
  lossOn.value = lossOnOf(given) ?? lossOn.peek();
  const name = given.get("text") ?? "";
  const named = galleryTextNamed(name);
  if (named !== undefined) textKey.value = named.key;
  if (named !== undefined || name === OWN) textKind.value = name === OWN ? "own" : "gallery";
}

/** What texts are cut into, by a query; undefined where it does not say, as of the others. */
export const piecesOf = (given: URLSearchParams) => PIECES.find((one) => one === given.get("pieces"));
export const lossOnOf = (given: URLSearchParams) => LOSS_PARTS.find((one) => one === given.get("learns"));

const PIECES: readonly Pieces[] = ["characters", "characters and unknown", "byte-pairs"];
const LOSS_PARTS: readonly LossPart[] = ["completion", "all"];
const ARCHITECTURES: readonly Architecture[] = ["tokenformer", "transformer"];

/** The choices of a query; what it does not name, or names wrongly, is as in others. */
export function draftOf(given: URLSearchParams, others: Draft = SMALL): Draft {
  const changed: Mutable<Draft> = { ...others };
  for (const field of FIELDS) {
    // Without a digit it would be a zero.
    const value = Number(given.get(field)?.trim() || Number.NaN);
    if (Number.isFinite(value)) changed[field] = value;
  }
  const architecture = ARCHITECTURES.find((one) => one === given.get("architecture")) ?? others.architecture;
  return { ...changed, architecture };
}
