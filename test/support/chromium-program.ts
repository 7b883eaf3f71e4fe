/** Which Chromium tests start, and how. */

import { existsSync } from "node:fs";

/** Debian's, the first that is there. The one that has no window to draw takes half the time for most pages. */
const PROGRAMS = ["/usr/bin/chromium-headless-shell", "/usr/bin/chromium"];

/** Debian's, or the one that is named. */
export const CHROMIUM = process.env["CHROMIUM"] ?? PROGRAMS.find((path) => existsSync(path)) ?? "/usr/bin/chromium";

export const hasChromium = existsSync(CHROMIUM);

/** It runs as root and asks nothing of other hosts. */
export const FLAGS = [
  // Each page compiles ONNX Runtime anew: what runs for moments only is not optimised, which took longer than it ran.
  "--js-flags=--liftoff-only --no-opt",
  "--no-sandbox",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
