/** The page on an engine, whichever that is. */

import { render } from "preact";
import type { Engine } from "../engine/api.ts";
import { App } from "./app.tsx";
import { openNamed } from "./computer/store.ts";
import { open, save } from "./store/actions.ts";
import { followAddress } from "./store/address.ts";
import { setEngine } from "./store/state.ts";
import "./styles/index.css";

export function startPage(engine: Engine, root: Element): void {
  setEngine(engine);
  render(<App />, root);
  void begin();
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "hidden") void save();
  });
}

async function begin(): Promise<void> {
  await open();
  followAddress();
  await openNamed();
}
