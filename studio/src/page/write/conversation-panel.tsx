/** A conversation with a model that was trained on some. */

import { signal } from "@preact/signals";
import { proxy } from "comlink";
import { useEffect } from "preact/hooks";
import type { Message, RunView } from "../../engine/api.ts";
import { doing } from "../store/actions.ts";
import { perRun } from "../store/per-run.ts";
import { engine } from "../store/state.ts";
import { useGathered } from "./gathered.ts";
import { FIRST_SETTINGS, WriteSettings } from "./write-settings.tsx";

const conversations = perRun(() => ({
  settings: signal(FIRST_SETTINGS),
  draft: signal(""),
  said: signal<readonly Message[]>([]),
  answering: signal(false),
}));

export function ConversationPanel({ run }: { readonly run: RunView }) {
  const { settings, draft, said, answering } = conversations(run);
  const gather = useGathered((text) => {
    const last = said.peek().at(-1);
    // What was still on its way when the conversation began anew belongs to no message.
    if (last?.role === "assistant")
      said.value = [...said.peek().slice(0, -1), { ...last, content: last.content + text }];
  });
  const send = () =>
    doing("write", async () => {
      const content = draft.peek().trim();
      const asked: readonly Message[] = [...said.peek(), { role: "user", content }];
      draft.value = "";
      said.value = [...asked, { role: "assistant", content: "" }];
      answering.value = true;
      try {
        await engine().reply(run.summary.id, asked, settings.value, proxy(gather));
      } catch (error) {
        // What could not be answered was not said: it is back in its field, to be changed.
        said.value = asked.slice(0, -1);
        draft.value = content;
        throw error;
      } finally {
        answering.value = false;
      }
    });
  useEffect(() => () => void engine().stopWriting(), []);
  const reset = async () => {
    await engine().stopWriting();
    said.value = [];
  };
  return (
    <form
      class="write"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        if (answering.value) void engine().stopWriting();
        else if (draft.value.trim() !== "") void send();
      }}
    >
      <Said messages={said.value} answering={answering.value} />
      <div class="field prompt">
        <label for="message">Your message</label>
        <textarea
          id="message"
          rows={2}
          value={draft.value}
          onInput={({ currentTarget }) => {
            draft.value = currentTarget.value;
          }}
          onKeyDown={(event) => {
            if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
            event.preventDefault();
            event.currentTarget.form?.requestSubmit();
          }}
        />
      </div>
      <div class="actions">
        <button type="submit" class="primary" disabled={!answering.value && draft.value.trim() === ""}>
          {answering.value ? "Stop" : "Send"}
        </button>
        <button type="button" class="plain" disabled={said.value.length === 0} onClick={() => void reset()}>
          Begin anew
        </button>
      </div>
      <WriteSettings
        pieces={run.pieces}
        settings={settings.value}
        change={(changed) => {
          settings.value = { ...settings.peek(), ...changed };
        }}
      />
    </form>
  );
}

interface SaidProps {
  readonly messages: readonly Message[];
  readonly answering: boolean;
}

function Said({ messages, answering }: SaidProps) {
  if (messages.length === 0)
    return <p class="empty">This model was trained on conversations. Say something: it answers in their form.</p>;
  return (
    <ol class="conversation" aria-label="The conversation" aria-busy={answering} aria-live="polite">
      {messages.map(({ role, content }, index) => (
        <li key={index} class={role}>
          <b>{role === "user" ? "You" : "The model"}</b>
          <p>
            {content}
            {answering && index === messages.length - 1 && <span class="caret" aria-hidden="true" />}
          </p>
        </li>
      ))}
    </ol>
  );
}
