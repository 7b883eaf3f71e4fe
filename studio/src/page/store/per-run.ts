/** What a visitor has typed or chosen at a run, for as long as the page is open: panels come and go with their tabs. */

import type { RunView } from "../../engine/api.ts";

/** A state for each run, made when it is first asked for. */
export function perRun<State>(make: (run: RunView) => State): (run: RunView) => State {
  const states = new Map<string, State>();
  return (run) => {
    const { id } = run.summary;
    const state = states.get(id) ?? make(run);
    states.set(id, state);
    return state;
  };
}
