/** Lines from whoever has connected, which may be anyone: one that does not speak as ranks do is dropped. */

import type { Socket } from "node:net";
import { LineReader } from "./line-reader.ts";
import { LONGEST_GREETING } from "./watch-limits.ts";

/** Characters of a line, at most: ranks say a few words, and at their end why. */
const LONGEST_LINE = 2 ** 20;

/**
 * Reads lines of a socket, and closes it where one is longer than ranks say, or the first does not come.
 * @param longest characters of a line. Default 2²⁰
 * @param greeting milliseconds in which the first line has to come. Default: those in which all ranks have to be there
 */
export function readPeer(
  socket: Socket,
  onLine: (line: string) => void,
  { longest = LONGEST_LINE, greeting = LONGEST_GREETING } = {},
): void {
  const waiting = setTimeout(() => socket.destroy(), greeting);
  const lines = new LineReader((line) => {
    clearTimeout(waiting);
    onLine(line);
  });
  socket.on("data", (chunk) => {
    lines.read(chunk);
    if (lines.unfinished > longest) socket.destroy();
  });
  socket.on("close", () => clearTimeout(waiting));
}
