/** The curve of a run on this computer, as its metrics come. */

import { useEffect, useState } from "preact/hooks";
import { EMPTY, type History, historyOf, withTraining } from "../../engine/history.ts";
import { metricsAddress } from "./api.ts";

export function useLiveHistory(run: string): History {
  const [history, setHistory] = useState(EMPTY);
  useEffect(() => {
    const source = new EventSource(metricsAddress(run));
    // On each connection, and when the file was written anew.
    source.addEventListener("reset", () => setHistory(EMPTY));
    source.addEventListener("metrics", ({ data }: MessageEvent<string>) =>
      setHistory((before) => joined(before, data)),
    );
    return () => source.close();
  }, [run]);
  return history;
}

/** @param records an array of records of `metrics.jsonl`, as JSON */
function joined(before: History, records: string): History {
  const parsed: unknown = JSON.parse(records);
  if (!Array.isArray(parsed)) return before;
  const { training, validation, growths } = historyOf(parsed.map((record) => JSON.stringify(record)).join("\n"));
  return {
    ...withTraining(before, training),
    validation: [...before.validation, ...validation],
    growths: [...before.growths, ...growths],
  };
}
