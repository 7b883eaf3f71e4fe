/** What the engine tells, gathered and brought into the state once a frame. */

import { batch } from "@preact/signals";
import type { EngineEvent, RunSummary, RunView } from "../../engine/api.ts";
import { withSample, withTraining, withUsage } from "../../engine/history.ts";
import { creationOrder, openedId, phase, summaries, tell, views } from "./state.ts";

/** A hidden page draws no frames, and must not gather events for ever. */
const LONGEST_WAIT = 1000;

let waiting: EngineEvent[] = [];
let frame = 0;
let timer: ReturnType<typeof setTimeout> | undefined;

export function receive(event: EngineEvent): void {
  waiting.push(event);
  if (timer !== undefined) return;
  frame = requestAnimationFrame(flush);
  timer = setTimeout(flush, LONGEST_WAIT);
}

function flush(): void {
  cancelAnimationFrame(frame);
  clearTimeout(timer);
  timer = undefined;
  const events = waiting;
  waiting = [];
  batch(() => {
    for (const event of events) apply(event);
  });
}

/** Brings one event into the state. */
export function apply(event: EngineEvent): void {
  if (event.type === "summary") putSummary(ahead(event.summary));
  else if (event.type === "changed") putView(event.view, true);
  else if (event.type === "deleted") drop(event.run);
  else if (event.type === "environment") phase.value = { kind: "ready", environment: event.environment };
  else if (event.type === "notice") tell(event.message);
  else draw(event);
}

/** @param known only where it is on the screen already */
export function putView(view: RunView, known = false): void {
  putSummary(view.summary);
  if (known && !views.peek().has(view.summary.id)) return;
  if (!creationOrder.has(view.summary.id)) creationOrder.set(view.summary.id, creationOrder.size);
  views.value = new Map(views.peek()).set(view.summary.id, view);
}

/** Between two savings the page knows more than what is kept: how far the run has come since. */
function ahead(summary: RunSummary): RunSummary {
  const known = summaries.peek().find(({ id }) => id === summary.id);
  if (known === undefined || known.step <= summary.step) return summary;
  const { step, validationLoss = summary.validationLoss } = known;
  return { ...summary, step, ...(validationLoss !== undefined && { validationLoss }) };
}

function putSummary(summary: RunSummary): void {
  const others = summaries.peek().filter(({ id }) => id !== summary.id);
  summaries.value = [summary, ...others].toSorted((a, b) => b.changed - a.changed);
  change(summary.id, (view) => ({ ...view, summary }));
}

function drop(run: string): void {
  summaries.value = summaries.peek().filter(({ id }) => id !== run);
  const left = new Map(views.peek());
  left.delete(run);
  views.value = left;
  if (openedId.peek() === run) openedId.value = undefined;
}

function change(run: string, changed: (view: RunView) => RunView): void {
  const view = views.peek().get(run);
  if (view !== undefined) views.value = new Map(views.peek()).set(run, changed(view));
}

type Drawn = Exclude<Extract<EngineEvent, { readonly run: string }>, { readonly type: "deleted" }>;

/** Puts what was drawn at the end of a run's curves. */
function draw(event: Drawn): void {
  change(event.run, (view) => drawn(view, event));
  if (event.type === "training") advance(event.run, { step: event.points.at(-1)?.step });
  if (event.type === "validation") advance(event.run, { step: event.point.step, validationLoss: event.point.loss });
}

function drawn(view: RunView, event: Drawn): RunView {
  switch (event.type) {
    case "training":
      return { ...view, training: withTraining(view, event.points).training };
    case "validation":
      return { ...view, validation: [...view.validation, event.point] };
    case "sample":
      return { ...view, samples: withSample(view, event.sample).samples };
    case "usage":
      return { ...view, usage: withUsage(view, event.usage).usage };
  }
}

function advance(run: string, { step, validationLoss }: { step: number | undefined; validationLoss?: number }): void {
  const merged = (summary: RunSummary): RunSummary => ({
    ...summary,
    ...(step !== undefined && { step }),
    ...(validationLoss !== undefined && { validationLoss }),
  });
  summaries.value = summaries.peek().map((summary) => (summary.id === run ? merged(summary) : summary));
  change(run, (view) => ({ ...view, summary: merged(view.summary) }));
}
