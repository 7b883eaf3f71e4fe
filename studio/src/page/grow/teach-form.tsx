/** A lesson for a run: a text, and how many tokens are to learn it. */

import { type Signal, useSignal } from "@preact/signals";
import { useId } from "preact/hooks";
import type { LossPart, RunView, TextChoice } from "../../engine/api.ts";
import { GALLERY_TEXTS, type TextKey } from "../../engine/gallery.ts";
import { bytes, compact, percent } from "../format.ts";
import { readText } from "../home/read-text.ts";
import { Choice } from "../parts/choice.tsx";
import { LongText } from "../parts/long-text.tsx";
import { isOfRecords, LossField } from "../parts/loss-field.tsx";
import { teach } from "../store/actions.ts";
import { addressOfRun, goTo } from "../store/address.ts";
import { busy } from "../store/state.ts";

/** Which text, and the visitor's own. */
interface TextOfLesson {
  readonly key: TextKey | "own";
  readonly name: string;
  readonly text: string;
  readonly lossOn: LossPart;
}

/** Tokens at each site that learn a lesson well without making its file large. */
const TOKENS = 16;

export function TeachForm({ run }: { readonly run: RunView }) {
  const { id, status, textName } = run.summary;
  const lesson = useSignal<TextOfLesson>({ key: "own", name: "My text", text: "", lossOn: "completion" });
  const tokens = useSignal(TOKENS);
  const teaches = busy.value.has("teach");
  const { key, name, text, lossOn } = lesson.value;
  const fewest = 40 * (run.choices.context + 1);
  const isReady = (key !== "own" || text.length >= fewest) && Number.isSafeInteger(tokens.value) && tokens.value > 0;
  const begin = async () => {
    const choice: TextChoice = key === "own" ? { kind: "own", name, text, lossOn } : { kind: "gallery", key };
    const made = await teach(id, { text: choice, tokens: tokens.peek() });
    if (made !== undefined) goTo(addressOfRun(made));
  };
  return (
    <form
      class="teach"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        void begin();
      }}
    >
      <LessonText lesson={lesson} known={textName} fewest={fewest} />
      <TokensField tokens={tokens} />
      <LessonCost run={run} tokens={tokens.value} />
      <button type="submit" class="primary" disabled={teaches || !isReady || status.kind === "elsewhere"}>
        {teaches ? "Teaching…" : "Teach it"}
      </button>
    </form>
  );
}

interface LessonTextProps {
  readonly lesson: Signal<TextOfLesson>;
  /** The text that the run learns already. */
  readonly known: string;
  /** Characters that it takes. */
  readonly fewest: number;
}

function LessonText({ lesson, known, fewest }: LessonTextProps) {
  const fault = useSignal<string | undefined>(undefined);
  const { key, name, text, lossOn } = lesson.value;
  const own = [["own", "Your own text"]] as const;
  const others = GALLERY_TEXTS.filter((one) => one.name !== known).map((one) => [one.key, one.name] as const);
  const put = (changed: Partial<TextOfLesson>) => {
    fault.value = undefined;
    lesson.value = { ...lesson.peek(), ...changed };
  };
  const take = async (file: File | undefined) => {
    if (file === undefined) return;
    const read = await readText(file);
    if ("fault" in read) fault.value = read.fault;
    else put(read);
  };
  const short = text.length < fewest ? `It takes ${fewest.toLocaleString("en")} characters at least.` : undefined;
  return (
    <>
      <div class="field">
        <span class="label">Text to learn</span>
        <Choice<TextOfLesson["key"]>
          label="Text to learn"
          value={key}
          choices={[...own, ...others]}
          chosen={(chosen) => put({ key: chosen })}
        />
      </div>
      {key === "own" && (
        <LongText
          label="Text to teach"
          placeholder="Paste a text here, or choose a file: letters, recipes, code…"
          name={name}
          value={text}
          complaint={fault.value ?? (text === "" ? undefined : short)}
          change={(value) => put({ name: "My text", text: value })}
          take={take}
        />
      )}
      {key === "own" && isOfRecords(text) && <LossField value={lossOn} chosen={(part) => put({ lossOn: part })} />}
    </>
  );
}

function TokensField({ tokens }: { readonly tokens: Signal<number> }) {
  const id = useId();
  return (
    <div class="field inline">
      <label for={id}>New tokens for each projection</label>
      <input
        id={id}
        type="number"
        min={1}
        step={1}
        value={Number.isNaN(tokens.value) ? "" : tokens.value}
        onInput={({ currentTarget }) => {
          tokens.value = currentTarget.valueAsNumber;
        }}
      />
    </div>
  );
}

/** Bytes of a number in a file. */
const FLOAT = 4;

function LessonCost({ run, tokens }: { readonly run: RunView; readonly tokens: number }) {
  const learning = Number.isFinite(tokens) ? 2 * run.choices.width * run.sites.length * tokens : 0;
  return (
    <p class="note" aria-live="polite">
      {compact(learning)} new parameters learn, {percent(learning / run.summary.parameters)} of what is there; the file
      of them has {bytes(FLOAT * learning)}.
    </p>
  );
}
