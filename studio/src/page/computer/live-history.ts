/**
 * The curves of runs on this computer, as their metrics come: of all that are on the screen in one stream, while the page is to be
 * seen. A browser has six connections to a host for all its tabs.
 */

import { useEffect, useState } from "preact/hooks";
import { z } from "zod";
import { EMPTY, type History, historyOf, withTraining } from "../../engine/history.ts";
import { metricsAddress } from "./api.ts";

type Change = (change: (before: History) => History) => void;

/** The curves on the screen, by their runs. */
const followed = new Map<string, Change>();

let source: EventSource | undefined;
let isDue = false;
document.addEventListener("visibilitychange", connectSoon);

export function useLiveHistory(run: string): History {
  const [history, setHistory] = useState(EMPTY);
  useEffect(() => {
    followed.set(run, setHistory);
    connectSoon();
    return () => {
      followed.delete(run);
      connectSoon();
    };
  }, [run]);
  return history;
}

/** Once for all curves that come and go at a time. */
function connectSoon(): void {
  if (isDue) return;
  isDue = true;
  queueMicrotask(connect);
}

function connect(): void {
  isDue = false;
  source?.close();
  source = undefined;
  if (followed.size === 0 || document.hidden) return;
  source = new EventSource(metricsAddress([...followed.keys()]));
  // On each connection, and when the file was written anew.
  source.addEventListener("reset", ({ data }: MessageEvent<string>) => {
    const { run } = resetSchema.parse(JSON.parse(data));
    followed.get(run)?.(() => EMPTY);
  });
  source.addEventListener("metrics", ({ data }: MessageEvent<string>) => {
    const { run, records } = metricsSchema.parse(JSON.parse(data));
    followed.get(run)?.((before) => joined(before, records));
  });
}

const resetSchema = z.object({ run: z.string() });
/** With records of `metrics.jsonl`. */
const metricsSchema = z.object({ run: z.string(), records: z.array(z.unknown()) });

function joined(before: History, records: readonly unknown[]): History {
  const { training, validation, growths } = historyOf(records.map((record) => JSON.stringify(record)).join("\n"));
  return {
    ...withTraining(before, training),
    validation: [...before.validation, ...validation],
    growths: [...before.growths, ...growths],
  };
}
