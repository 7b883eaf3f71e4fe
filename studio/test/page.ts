/** The page on the made-up engine; the query says which faults it has. Never part of the build. */

import { startPage } from "../src/page/start-page.tsx";
import { FakeEngine } from "./fake-engine.ts";

const query = new URLSearchParams(location.search);
const told = (key: string) => query.get(key) ?? undefined;
const openFails = told("openFails");
const trainingFails = told("trainingFails");
const notice = told("notice");
const engine = new FakeEngine({
  pace: Number(told("pace") ?? 120),
  startsIn: Number(told("startsIn") ?? 300),
  opensIn: Number(told("opensIn") ?? 0),
  ...(openFails !== undefined && { openFails }),
  ...(trainingFails !== undefined && { trainingFails }),
  ...(notice !== undefined && { notices: [notice] }),
});
const root = document.getElementById("app");
if (root !== null) startPage(engine, root);
// For tests.
Object.assign(window, { engine });
