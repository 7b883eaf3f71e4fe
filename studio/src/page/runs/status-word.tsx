/** What a run does, in a word, with a sign that does not need colour. */

import type { RunStatus } from "../../engine/api.ts";

const WORDS: Readonly<Record<RunStatus["kind"], string>> = {
  paused: "Paused",
  starting: "Starting",
  training: "Training",
  elsewhere: "Trains in another tab",
  failed: "Stopped",
};

interface StatusProps {
  readonly status: RunStatus;
  /** It trains, but it is another run's turn. */
  readonly waits?: boolean;
}

export function StatusWord({ status: { kind }, waits = false }: StatusProps) {
  return <span class={`status ${kind}`}>{waits ? "Waiting" : WORDS[kind]}</span>;
}
