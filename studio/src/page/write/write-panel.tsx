/** Writing on from a prompt. */

import { signal } from "@preact/signals";
import { proxy } from "comlink";
import { useEffect } from "preact/hooks";
import type { RunView } from "../../engine/api.ts";
import { pieceName } from "../format.ts";
import { CopyButton } from "../parts/copy-button.tsx";
import { doing } from "../store/actions.ts";
import { perRun } from "../store/per-run.ts";
import { engine } from "../store/state.ts";
import { ConversationPanel } from "./conversation-panel.tsx";
import { useGathered } from "./gathered.ts";
import { FIRST_SETTINGS, WriteSettings } from "./write-settings.tsx";

interface Written {
  readonly prompt: string;
  readonly text: string;
}

/** What a visitor has written at a run. The prompt begins with the text's own words, whose characters the model surely knows. */
const writings = perRun(({ summary }) => ({
  settings: signal(FIRST_SETTINGS),
  prompt: signal(summary.opening ?? ""),
  written: signal<Written | undefined>(undefined),
  writing: signal(false),
}));

/** A model of conversations answers; any other goes on from a text. */
export function WritePanel({ run }: { readonly run: RunView }) {
  return run.converses ? <ConversationPanel run={run} /> : <Writing run={run} />;
}

function Writing({ run }: { readonly run: RunView }) {
  const { settings, prompt, written, writing } = writings(run);
  const gather = useGathered((text) => {
    const { value } = written;
    if (value !== undefined) written.value = { ...value, text: value.text + text };
  });
  const write = () =>
    doing("write", async () => {
      writing.value = true;
      written.value = { prompt: prompt.value, text: "" };
      try {
        await engine().write(run.summary.id, { ...settings.value, prompt: prompt.value }, proxy(gather));
      } finally {
        writing.value = false;
      }
    });
  useEffect(() => () => void engine().stopWriting(), []);
  return (
    <form
      class="write"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        void (writing.value ? engine().stopWriting() : write());
      }}
    >
      <div class="field prompt">
        <label for="prompt">The text to go on from</label>
        <textarea
          id="prompt"
          rows={2}
          value={prompt.value}
          onInput={({ currentTarget }) => {
            prompt.value = currentTarget.value;
          }}
        />
      </div>
      <WriteSettings
        pieces={run.pieces}
        settings={settings.value}
        change={(changed) => {
          settings.value = { ...settings.peek(), ...changed };
        }}
      />
      <div class="actions">
        <button type="submit" class="primary">
          {writing.value ? "Stop" : "Write"}
        </button>
        <CopyButton
          text={() => `${written.peek()?.prompt ?? ""}${written.peek()?.text ?? ""}`}
          disabled={written.value === undefined}
        />
      </div>
      <Page written={written.value} writing={writing.value} piece={pieceName(run.pieces)} />
    </form>
  );
}

interface PageProps {
  readonly written: Written | undefined;
  readonly writing: boolean;
  /** What it writes one by one. */
  readonly piece: string;
}

function Page({ written, writing, piece }: PageProps) {
  return (
    <section class="written" aria-label="What the model wrote" aria-busy={writing} aria-live="polite">
      {written === undefined ? (
        <p class="empty">The model goes on from your text, one {piece} at a time, as well as it can by now.</p>
      ) : (
        <p>
          <span class="given">{written.prompt}</span>
          {written.text}
          {writing && <span class="caret" aria-hidden="true" />}
        </p>
      )}
    </section>
  );
}
