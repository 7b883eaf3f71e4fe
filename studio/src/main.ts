/** Where the page begins: isolated from other origins first, as the engine's threads need that from the start. */

import { isolate } from "./isolate.ts";

// Where the page is about to load again, showing it would only flash.
if ((await isolate()) === "settled") await import("./page/main.tsx");
