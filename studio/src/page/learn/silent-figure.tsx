/** New tokens with keys of zeros: silent, then pulled by their values, by gradients of the library; a layer that learns a curve. */

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { SmallLayerAnswer, SmallToken } from "../../engine/api.ts";
import { scientific } from "../format.ts";
import { doing } from "../store/actions.ts";
import { busy, engine, phase } from "../store/state.ts";
import { direction } from "./slider.tsx";

const OLD: readonly SmallToken[] = [
  { key: [1, 0.2], value: 0.9 },
  { key: [-0.4, 0.9], value: -0.6 },
  { key: [-0.5, -0.9], value: 0.4 },
];
/** As growth draws them: keys of zeros, values at random. */
const NEW: readonly SmallToken[] = [
  { key: [0, 0], value: -0.8 },
  { key: [0, 0], value: 0.7 },
];
const BEGINNING = [...OLD, ...NEW];

/** What comes in: all directions, by so many degrees. */
const STEP = 6;
const ANGLES = Array.from({ length: 360 / STEP + 1 }, (_, index) => index * STEP);
const INPUTS = ANGLES.map(direction);
/** A layer with two tokens more than the old one: what it answers is to be learnt, and can be once there are as many. */
const TEACHER: readonly SmallToken[] = [...OLD, { key: [1.2, -1.2], value: -0.9 }, { key: [-1.2, 0.4], value: 0.9 }];

/** τ stays what it was, so that nothing changes. */
const TAU = Math.sqrt(OLD.length);
const RATE = 0.3;

const askedOf = (tokens: readonly SmallToken[], wanted: readonly number[] = INPUTS.map(() => 0)) =>
  engine().smallLayer({ inputs: INPUTS, wanted, tokens, tau: TAU });

/** One update by plain gradient descent. */
function updated(tokens: readonly SmallToken[], { gradients }: SmallLayerAnswer): readonly SmallToken[] {
  return tokens.map(({ key: [x, y], value }, index) => {
    const { key: pull, value: push } = gradients[index] ?? { key: [0, 0], value: 0 };
    return { key: [x - RATE * pull[0], y - RATE * pull[1]], value: value - RATE * push };
  });
}

interface State {
  readonly tokens: readonly SmallToken[];
  readonly updates: number;
  readonly answer: SmallLayerAnswer;
}

export function SilentFigure() {
  const state = useSignal<State | undefined>(undefined);
  /** What the layer answered before the new tokens came. */
  const before = useSignal<readonly number[]>([]);
  const ready = phase.value.kind === "ready";
  const wanted = useSignal<readonly number[]>([]);
  const begin = async () => {
    before.value = (await askedOf(OLD)).outputs;
    wanted.value = (await askedOf(TEACHER)).outputs;
    state.value = { tokens: BEGINNING, updates: 0, answer: await askedOf(BEGINNING, wanted.peek()) };
  };
  const update = (times: number) =>
    doing("story", async () => {
      for (let time = 0; time < times; time++) {
        const now = state.peek();
        if (now === undefined) return;
        const tokens = updated(now.tokens, now.answer);
        state.value = { tokens, updates: now.updates + 1, answer: await askedOf(tokens, wanted.peek()) };
      }
    });
  useEffect(() => {
    if (ready) void doing("story", begin);
  }, [ready]);
  const blocked = state.value === undefined || busy.value.has("story");
  return (
    <figure class="learn-figure">
      <Curves wanted={wanted.value} before={before.value} now={state.value?.answer.outputs ?? []} />
      <p class="note">
        Grey dots: what it is to learn, the answers of a layer with as many tokens. Dashed: what it answered before the
        tokens came. Line: what it answers now, to every direction.
      </p>
      {state.value !== undefined && <Words state={state.value} before={before.value} />}
      <div class="actions">
        <button type="button" disabled={blocked} onClick={() => void update(1)}>
          One update
        </button>
        <button type="button" disabled={blocked} onClick={() => void update(50)}>
          Fifty updates
        </button>
        <button type="button" class="plain" disabled={blocked} onClick={() => void doing("story", begin)}>
          Begin anew
        </button>
      </div>
    </figure>
  );
}

function Words({
  state: { tokens, updates, answer },
  before,
}: {
  readonly state: State;
  readonly before: readonly number[];
}) {
  const change = Math.max(...answer.outputs.map((output, index) => Math.abs(output - (before[index] ?? 0))));
  const pulls = answer.gradients.slice(OLD.length);
  const onKeys = Math.max(...pulls.map(({ key: [x, y] }) => Math.hypot(x, y)));
  const onValues = Math.max(...pulls.map(({ value }) => Math.abs(value)));
  const length = Math.max(...tokens.slice(OLD.length).map(({ key: [x, y] }) => Math.hypot(x, y)));
  return (
    <dl class="facts" aria-live="polite">
      <Fact name="Updates" value={String(updates)} />
      <Fact name="Largest change of an answer" value={changeWords(change)} />
      <Fact name="Error" value={answer.error.toFixed(3)} />
      <Fact name="Length of the new keys, at most" value={length.toFixed(3)} />
      <Fact name="Pull on the new keys, on their values" value={`${onKeys.toFixed(3)}, ${onValues.toFixed(3)}`} />
    </dl>
  );
}

/** Sums of float32 are rounded, and not always in the same order: more than this is no rounding. */
const ROUNDING = 1e-6;

function changeWords(change: number): string {
  if (change === 0) return "0, exactly";
  return change < ROUNDING ? `0, but for rounding (${scientific(change)})` : change.toFixed(3);
}

function Fact({ name, value }: { readonly name: string; readonly value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

/** The height of the picture: what is between its edges, up and down. */
const HEIGHT = 1.35;

interface CurvesProps {
  readonly wanted: readonly number[];
  readonly before: readonly number[];
  readonly now: readonly number[];
}

function Curves({ wanted, before, now }: CurvesProps) {
  const line = (values: readonly number[]) =>
    values.map((value, index) => `${(2.4 * index) / (ANGLES.length - 1)},${(-value).toFixed(4)}`).join(" ");
  return (
    <svg
      class="curves-figure"
      viewBox={`-0.03 ${-HEIGHT} 2.46 ${2 * HEIGHT}`}
      role="img"
      aria-label="What the layer answers to each direction, before and now, and what it is to learn"
    >
      <line x2="2.4" class="axis" />
      {wanted.map((value, index) => (
        <circle key={index} cx={(2.4 * index) / (ANGLES.length - 1)} cy={-value} r="0.014" class="wanted" />
      ))}
      <polyline points={line(before)} class="before" />
      <polyline points={line(now)} class="now" />
    </svg>
  );
}
