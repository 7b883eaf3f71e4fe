/** How the model chooses what to write. */

import { useId } from "preact/hooks";
import type { Pieces, WritingOptions } from "../../engine/api.ts";
import { pieceName, sentence } from "../format.ts";

export type Settings = Pick<WritingOptions, "length" | "temperature" | "topK" | "topP">;

export const FIRST_SETTINGS: Settings = { length: 400, temperature: 0.8, topK: 0, topP: 0.95 };

interface SettingText {
  readonly field: keyof Settings;
  readonly label: string;
  readonly note: string | ((piece: string) => string);
  readonly low: number;
  readonly high: number;
  readonly step: number;
  readonly words: (value: number) => string;
}

const SETTINGS: readonly SettingText[] = [
  {
    field: "temperature",
    label: "Temperature",
    note: "Low is careful, high is wild.",
    low: 0,
    high: 2,
    step: 0.05,
    words: (value) => (value === 0 ? "0, always the likeliest" : value.toFixed(2)),
  },
  {
    field: "topP",
    label: "Top p",
    note: "Only the likeliest, up to this share of probability.",
    low: 0.05,
    high: 1,
    step: 0.05,
    words: (value) => (value === 1 ? "1, no limit" : value.toFixed(2)),
  },
  {
    field: "topK",
    label: "Top k",
    note: "Only so many of the likeliest.",
    low: 0,
    high: 40,
    step: 1,
    words: (value) => (value === 0 ? "no limit" : String(value)),
  },
  {
    field: "length",
    label: "Length",
    note: (piece) => sentence(`${piece}s to write`),
    low: 50,
    high: 2000,
    step: 50,
    words: String,
  },
];

interface SettingsProps {
  readonly pieces: Pieces;
  readonly settings: Settings;
  readonly change: (changed: Partial<Settings>) => void;
}

export function WriteSettings({ pieces, settings, change }: SettingsProps) {
  return (
    <div class="settings">
      {SETTINGS.map((text) => (
        <Setting
          key={text.field}
          {...text}
          note={typeof text.note === "string" ? text.note : text.note(pieceName(pieces))}
          value={settings[text.field]}
          chosen={(value) => change({ [text.field]: value })}
        />
      ))}
    </div>
  );
}

interface SettingProps extends SettingText {
  readonly note: string;
  readonly value: number;
  readonly chosen: (value: number) => void;
}

function Setting(props: SettingProps) {
  const id = useId();
  const { label, note, low, high, step, words, value, chosen } = props;
  return (
    <div class="field">
      <label for={id}>
        {label} <output for={id}>{words(value)}</output>
      </label>
      <input
        id={id}
        type="range"
        min={low}
        max={high}
        step={step}
        value={value}
        aria-valuetext={words(value)}
        aria-describedby={`${id}-note`}
        onInput={({ currentTarget }) => chosen(currentTarget.valueAsNumber)}
      />
      <p id={`${id}-note`} class="note">
        {note}
      </p>
    </div>
  );
}
