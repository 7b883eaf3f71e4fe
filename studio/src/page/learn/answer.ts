/** What the library answers to what a figure shows now; the last answer until the next one is there. */

import { type Signal, useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { phase } from "../store/state.ts";

/** @param key of what is asked: it is asked again when this changes */
export function useAnswer<Answer>(key: string, ask: () => Promise<Answer>): Signal<Answer | undefined> {
  const answer = useSignal<Answer | undefined>(undefined);
  const ready = phase.value.kind === "ready";
  useEffect(() => {
    if (!ready) return;
    let isCurrent = true;
    const answered = (found: Answer) => {
      if (isCurrent) answer.value = found;
    };
    // A figure that cannot be computed stays as it is: the words around it say the same.
    ask().then(answered, () => undefined);
    return () => {
      isCurrent = false;
    };
  }, [key, ready]);
  return answer;
}
