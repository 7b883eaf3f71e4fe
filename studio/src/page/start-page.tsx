/** The page on an engine, whichever that is. */

import { effect } from "@preact/signals";
import { render } from "preact";
import type { Engine } from "../engine/api.ts";
import { App } from "./app.tsx";
import { openNamed } from "./computer/store.ts";
import { open, save } from "./store/actions.ts";
import { followAddress, showRun, tellsStory } from "./store/address.ts";
import { resumeTraining } from "./store/resuming.ts";
import { opened, phase, setEngine } from "./store/state.ts";
import "./styles/index.css";

const TITLE = "TokenFormer studio";

export function startPage(engine: Engine, root: Element): void {
  setEngine(engine);
  followAddress();
  render(<App />, root);
  void begin();
  effect(() => {
    const name = tellsStory.value ? "How it can grow" : opened.value?.summary.name;
    document.title = name === undefined ? TITLE : `${name} – ${TITLE}`;
  });
  // A file that is dropped beside where it belongs would take the place of the page.
  for (const type of ["dragover", "drop"]) document.addEventListener(type, (event) => event.preventDefault());
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "hidden") void save();
  });
}

async function begin(): Promise<void> {
  await open();
  if (phase.peek().kind === "ready") {
    void showRun();
    await resumeTraining();
  }
  await openNamed();
}
