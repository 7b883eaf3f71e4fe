/** The page: starts the worker and shows what it tells. */

import type { FromWorker, ToWorker } from "./messages.ts";

const output = document.querySelector("pre");
const say = (text: string) => output?.append(text);

const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
  if (data.type === "loss" && data.step % 20 === 0) say(`step ${data.step}: loss ${data.loss.toFixed(3)}\n`);
  if (data.type === "line") say(`${data.text}\n`);
  if (data.type === "text") say(data.text);
  if (data.type === "end") say("\n(end)\n");
};
worker.onerror = ({ message }) => say(`${message}\n`);

const text = "the cat sat on the mat. the dog sat on the log. ".repeat(60);
worker.postMessage({ text, steps: 60, prompt: "the cat " } satisfies ToWorker);
