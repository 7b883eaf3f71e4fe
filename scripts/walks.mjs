// The two walks of the architecture page: the files of `src` of which a training step and a growth run functions in the main thread,
// by V8's coverage, at the preset `mini`: `node scripts/walks.mjs`, after a build. With `--files`, which they are.

import { Session } from "node:inspector/promises";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: { files: { type: "boolean", default: false }, build: { type: "string", default: "dist" } },
});
const build = new URL(`../${values.build}/`, import.meta.url).href;
const { train, presets, parseConfig, configSchema } = await import(new URL("index.js", build).href);

const mini = presets.mini.config;
const input = {
  ...mini,
  training: { ...mini.training, steps: 6, evaluateEvery: 0, evaluationTokens: 2048, checkpointEvery: 0 },
  growth: [{ step: 4, add: { feedForward: "x2" } }],
};
const config = parseConfig?.(input) ?? configSchema.parse(input);

const session = new Session();
session.connect();
await session.post("Profiler.enable");
await session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: false });

/** The files of the build of which functions ran since this was asked before, by their names in it, with these functions. */
async function filesPassed() {
  const { result } = await session.post("Profiler.takePreciseCoverage");
  return result
    .filter(({ url }) => url.startsWith(build))
    .map(({ url, functions }) => {
      const ran = functions.filter(({ ranges }) => ranges[0].count > 0).map(({ functionName }) => functionName);
      return { file: url.slice(build.length).replace(/\.js$/, ".ts"), ran: [...new Set(ran)].filter(Boolean) };
    })
    .filter(({ ran }) => ran.length > 0)
    .sort((a, b) => (a.file < b.file ? -1 : 1));
}

const walks = new Map();
for await (const event of train({ config, data: "Moby-Dick", device: "cpu", threads: 2 })) {
  const files = await filesPassed();
  // The third step is like any other: nothing is due at it, and all that is done once has been done.
  if (event.type === "growth" || (event.type === "step" && event.step === 3)) walks.set(event.type, files);
}
for (const [walk, files] of walks) {
  console.log(`${walk}: ${files.length} files`);
  if (values.files) console.log(files.map(({ file, ran }) => `  ${file}: ${ran.join(", ")}`).join("\n"));
}
