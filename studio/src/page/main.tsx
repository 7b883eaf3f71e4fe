/** The page with its engine. */

import { startEngine } from "./remote-engine.ts";
import { startPage } from "./start-page.tsx";

const root = document.getElementById("app");
if (root !== null) startPage(startEngine(), root);
