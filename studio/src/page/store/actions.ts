/** What the visitor does to runs. Faults are told, each in the engine's own sentence. */

import { proxy } from "comlink";
import type { Choices, Comparison, GrowthRequest, Lesson, NamedFile, RunView, TextChoice } from "../../engine/api.ts";
import type { GalleryText } from "../../engine/gallery.ts";
import { sentence } from "../format.ts";
import { putView, receive } from "./events.ts";
import { unused } from "./names.ts";
import { busy, chart, engine, openedId, phase, summaries, tell, views } from "./state.ts";

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));

/** Opens the engine, and the run of the page's address. */
export async function open(): Promise<void> {
  try {
    await engine().listen(proxy(receive));
    const environment = await engine().open("auto");
    summaries.value = [...(await engine().runs())].toSorted((a, b) => b.changed - a.changed);
    phase.value = { kind: "ready", environment };
    for (const notice of environment.notices) tell(notice);
  } catch (error) {
    phase.value = { kind: "broken", message: messageOf(error) };
  }
}

/** Does something once at a time, and tells what goes wrong. */
export async function doing<T>(what: string, action: () => Promise<T>): Promise<T | undefined> {
  if (busy.peek().has(what)) return undefined;
  busy.value = new Set(busy.peek()).add(what);
  try {
    return await action();
  } catch (error) {
    tell(sentence(messageOf(error)), "fault");
    return undefined;
  } finally {
    const left = new Set(busy.peek());
    left.delete(what);
    busy.value = left;
  }
}

/** A new run, on the screen and training. */
export function begin(choices: Choices): Promise<string | undefined> {
  return doing("begin", async () => {
    const view = await engine().create(choices);
    putView(view);
    void askToKeep();
    await engine().start(view.summary.id);
    return view.summary.id;
  });
}

/** Browsers clear what they were not asked to keep when space runs out. */
async function askToKeep(): Promise<void> {
  try {
    if (!(await navigator.storage.persisted())) await navigator.storage.persist();
  } catch {
    // Old browsers have no such storage; the run is kept as well as they can.
  }
}

/**
 * Puts a run on the screen, with the runs beside it.
 * @param isWanted whether the visitor still wants to see it, asked once it is there
 * @returns undefined where it cannot be shown, or is being fetched already
 */
export function show(run: string, isWanted: () => boolean): Promise<boolean | undefined> {
  return doing(showing(run), async () => {
    if (!views.peek().has(run)) putView(await engine().view(run));
    if (!isWanted()) return false;
    openedId.value = run;
    const head = views.peek().get(run)?.summary.besides ?? run;
    const beside = summaries.peek().filter(({ id, besides }) => id === head || besides === head);
    for (const { id } of beside) if (!views.peek().has(id)) putView(await engine().view(id));
    return true;
  });
}

const showing = (run: string) => `show ${run}`;

/** Whether a run is being fetched, to be shown. */
export const isComing = (run: string) => busy.peek().has(showing(run));

/** Runs that are compared train together, and pause together. */
export function train(runs: readonly string[]): Promise<void> {
  return doing("train", async () => {
    for (const run of runs) await engine().start(run);
  });
}

export function pause(runs: readonly string[]): Promise<void> {
  return doing("pause", async () => {
    await Promise.all(runs.map((run) => engine().pause(run)));
  });
}

export const rename = (run: string, name: string) => doing("rename", () => engine().rename(run, name));
export const remove = (run: string) => doing("remove", () => engine().remove(run));

export function grow(run: string, request: GrowthRequest): Promise<RunView | undefined> {
  return doing("grow", () => engine().grow(run, request));
}

/** @param copies keeps the run as it is now as another one first */
export function undo(run: string, copies: boolean): Promise<RunView | undefined> {
  return doing("undo", async () => {
    if (copies) tell(`Kept as “${(await engine().duplicate(run)).summary.name}”.`);
    return engine().undoGrowth(run);
  });
}

/** A run beside this one, training from the start, and curves over what both have cost. */
export function compare(run: string, against: Comparison): Promise<void> {
  return doing("compare", async () => {
    const view = await engine().compare(run, against);
    putView(view);
    chart.value = { ...chart.peek(), across: "flops" };
    await engine().start(view.summary.id);
  });
}

export function take(name: string, files: Blob | readonly NamedFile[], text?: TextChoice): Promise<string | undefined> {
  return doing("import", async () => {
    const view = await engine().importRun(name, files, text);
    putView(view);
    return view.summary.id;
  });
}

/** A run that learns a text by tokens of its own, beside those of this one. */
export function teach(run: string, lesson: Lesson): Promise<string | undefined> {
  return doing("teach", async () => {
    const view = await engine().teach(run, lesson);
    putView(view);
    await engine().start(view.summary.id);
    return view.summary.id;
  });
}

/** Hands a skill to the visitor as a file. */
export function downloadSkill({ id, name }: { readonly id: string; readonly name: string }): Promise<void> {
  return doing("download skill", async () => {
    saveFile(await engine().exportSkill(id), `${name} skill`, "zip");
  });
}

/** A run beside this one that has a skill. */
export function attach(run: string, name: string, files: Blob | readonly NamedFile[]): Promise<string | undefined> {
  return doing("attach", async () => {
    const view = await engine().attachSkill(run, name, files);
    putView(view);
    return view.summary.id;
  });
}

/** Opens a model that has grown, and has it write. */
export function openExample({ key, name }: GalleryText): Promise<string | undefined> {
  return doing("example", async () => {
    const response = await fetch(new URL(`gallery/models/${key}.zip`, document.baseURI));
    if (!response.ok) throw new Error(`The model could not be loaded (${response.status}): reload the page.`);
    const view = await engine().importRun(unused(`${name}, grown`), await response.blob(), { kind: "gallery", key });
    putView(view);
    void voice(view.summary.id);
    return view.summary.id;
  });
}

/** Has a run write by itself now. */
export const voice = (run: string) => doing("voice", () => engine().sample(run));

/** Hands a run to the visitor as a file. */
export function download({ id, name }: { readonly id: string; readonly name: string }): Promise<void> {
  return doing("download", async () => {
    saveFile(await engine().exportRun(id), name, "zip");
  });
}

/** Hands something to the visitor as a file. */
export function saveFile(contents: Blob, name: string, ending: string): void {
  const address = URL.createObjectURL(contents);
  const link = Object.assign(document.createElement("a"), { href: address, download: `${fileName(name)}.${ending}` });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

const fileName = (name: string) => name.replaceAll(/[^\p{L}\p{N}]+/gu, "-").replaceAll(/^-|-$/g, "") || "run";

export async function save(): Promise<void> {
  if (phase.peek().kind === "ready") await doing("save", () => engine().save());
}
