/** The choices one by one, each with what it is for. */

import { useSignal } from "@preact/signals";
import { useEffect, useId } from "preact/hooks";
import { sentence } from "../format.ts";
import { isOfRecords, LossField } from "../parts/loss-field.tsx";
import { complaints, draft, lossOn, type NumberField, name, ownName, text } from "../store/draft.ts";

interface FieldText {
  readonly field: NumberField;
  readonly label: string;
  readonly note: string;
  readonly step: number;
}

const FIELDS: readonly FieldText[] = [
  {
    field: "layers",
    label: "Layers",
    note: "Blocks on top of each other. More can reason further, and train more slowly.",
    step: 1,
  },
  {
    field: "heads",
    label: "Heads",
    note: "Ways of looking back at the text at once. The width must divide by them.",
    step: 1,
  },
  {
    field: "width",
    label: "Width",
    note: "Numbers that stand for each piece of the text on its way through.",
    step: 16,
  },
  { field: "context", label: "Context", note: "Characters it sees at once.", step: 16 },
  {
    field: "attentionTokens",
    label: "Attention tokens",
    note: "Parameter tokens of each projection of attention. These can grow later.",
    step: 16,
  },
  {
    field: "feedForwardTokens",
    label: "Feed-forward tokens",
    note: "Parameter tokens of the layer that stores most knowledge. These can grow later.",
    step: 32,
  },
  {
    field: "batch",
    label: "Batch",
    note: "Pieces of text in one update. More make the curve calmer, and each update slower.",
    step: 1,
  },
  {
    field: "learningRate",
    label: "Learning rate",
    note: "How far an update goes. Too high, and the loss jumps; too low, and it crawls.",
    step: 0.0001,
  },
  { field: "seed", label: "Seed", note: "The same seed gives the same start and the same batches.", step: 1 },
];

export function MoreChoices() {
  const open = useSignal(false);
  const wrong = complaints.value.some(({ field }) => field !== "text");
  useEffect(() => {
    // It stays open then: the visitor is at work there.
    if (wrong) open.value = true;
  }, [wrong]);
  return (
    <details
      class="more"
      open={open.value}
      onToggle={({ currentTarget }) => {
        open.value = currentTarget.open;
      }}
    >
      <summary>More choices</summary>
      <div class="fields">
        <NameField />
        {text.value.kind === "own" && isOfRecords(text.value.text) && (
          <LossField
            value={lossOn.value}
            chosen={(part) => {
              lossOn.value = part;
            }}
          />
        )}
        {FIELDS.map((of) => (
          <NumberInput key={of.field} {...of} />
        ))}
      </div>
    </details>
  );
}

function NameField() {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>Name</label>
      <input
        id={id}
        type="text"
        maxLength={80}
        placeholder={name.value}
        value={ownName.value}
        aria-describedby={`${id}-note`}
        onInput={({ currentTarget }) => {
          ownName.value = currentTarget.value;
        }}
      />
      <p id={`${id}-note`} class="note">
        How you will find it again.
      </p>
    </div>
  );
}

function NumberInput({ field, label, note, step }: FieldText) {
  const id = useId();
  const value = draft.value[field];
  const complaint = complaints.value.find((candidate) => candidate.field === field);
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input
        id={id}
        type="number"
        inputMode="decimal"
        min={0}
        step={step === 0.0001 || field === "seed" ? "any" : step}
        value={Number.isNaN(value) ? "" : value}
        aria-describedby={`${id}-note`}
        aria-invalid={complaint !== undefined}
        onInput={({ currentTarget }) => {
          draft.value = { ...draft.peek(), [field]: currentTarget.valueAsNumber };
        }}
      />
      <p id={`${id}-note`} class={complaint === undefined ? "note" : "wrong"}>
        {complaint === undefined ? note : Number.isNaN(value) ? "Type a number." : sentence(complaint.message)}
      </p>
    </div>
  );
}
