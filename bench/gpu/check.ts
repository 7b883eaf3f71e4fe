/**
 * What a GPU makes of tokenformer, on a machine that needs to have nothing else: which devices open, whether their losses are the CPU's,
 * how fast training steps, their matrix products and decoding are, beside the machine's own PyTorch where it has one.
 *
 *     node dist-bench/gpu/check.js [--minutes 7] [--devices cuda,webgpu] [--steps 20] [--sizes 124m,lecture] [--rounds 5] [--python python3]
 *         [--parts parity,steps,decoding] [--out gpu-check.json]
 *
 * The file is written anew after each part, so that what was measured is there if the check is cut. No part begins after the minutes;
 * one that has begun ends. Exits with 1 where no device but the CPU opens, or losses are not the CPU's.
 */

import { execFile } from "node:child_process";
import { rename, writeFile } from "node:fs/promises";
import { arch, platform, release } from "node:os";
import { promisify } from "node:util";
import { openDevice } from "tokenformer";
import {
  benchmarkMarkdown,
  type Measurements,
  ownInstructions,
  runBenchmark,
  type Side,
  type Work,
  workNames,
} from "tokenformer/benchmark";
import { machine, note } from "../measure.ts";
import { countOf, oneOf, parsedOptions } from "../options.ts";
import { pytorch, writeWork } from "../peers.ts";
import type { DecodingSpeed } from "./decoding.ts";
import { type Parity, parityOf, TOLERANCE } from "./parity.ts";

/** What can be checked; the CPU where it is named. */
const kinds = ["cuda", "webgpu", "cpu"] as const;
const parts = ["parity", "steps", "decoding"] as const;

const { values: options } = parsedOptions({
  options: {
    minutes: { type: "string", default: "7" },
    devices: { type: "string", default: "cuda,webgpu" },
    sizes: { type: "string", default: "124m,lecture" },
    steps: { type: "string", default: "20" },
    rounds: { type: "string", default: "5" },
    python: { type: "string", default: "python3" },
    parts: { type: "string", default: parts.join(",") },
    out: { type: "string", default: "gpu-check.json" },
  },
});

const end = performance.now() + 60_000 * countOf(options.minutes, "--minutes");
const [steps, rounds] = [countOf(options.steps, "--steps"), countOf(options.rounds, "--rounds")];
const minutesLeft = () => (end - performance.now()) / 60_000;
const asked = (part: (typeof parts)[number]) => wantedParts.includes(part) && minutesLeft() > 0;
const wantedParts = options.parts.split(",").map((part) => oneOf(parts, part, "--parts"));
const sizes = options.sizes.split(",").map((size) => oneOf(workNames, size, "--sizes"));

interface Report {
  readonly date: string;
  readonly machine: string;
  readonly system: string;
  /** What the driver calls the GPU; missing where it has no tool that says so. */
  readonly gpu?: string;
  readonly pytorch?: string;
  /** Why a device, a size or a side is missing. */
  readonly notMeasured: { readonly name: string; readonly reason: string }[];
  readonly devices: Record<string, DeviceReport>;
}

interface DeviceReport {
  parity?: readonly Parity[];
  steps?: Measurements[];
  decoding?: readonly DecodingSpeed[];
}

const gpu = await answerOf("nvidia-smi", ["--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]);
const torch = await answerOf(options.python, [
  "-c",
  "import torch; print(torch.__version__, torch.cuda.is_available())",
]);
const torchOnGpu = torch?.endsWith("True") === true;
const report: Report = {
  date: new Date().toISOString().slice(0, 10),
  machine,
  system: `${platform()} ${release()} ${arch()}`,
  ...(gpu !== undefined && { gpu }),
  ...(torch !== undefined && { pytorch: torch }),
  notMeasured: torchOnGpu ? [] : [{ name: "PyTorch", reason: torch ?? `${options.python} has none` }],
  devices: {},
};
note(
  `${report.machine}, ${report.system}${gpu === undefined ? "" : `, ${gpu}`}; instructions ${ownInstructions() ?? "unknown"}`,
);

for (const name of options.devices.split(",").map((device) => oneOf(kinds, device, "--devices"))) {
  const reason = await whyNot(name);
  if (reason !== undefined) {
    note(`${name} does not open: ${reason}`);
    report.notMeasured.push({ name, reason });
    continue;
  }
  const found: DeviceReport = {};
  report.devices[name] = found;
  if (asked("parity")) {
    found.parity = await parityOf(name, steps, note);
    await keep();
  }
  for (const size of asked("steps") ? sizes : []) {
    if (!asked("steps")) break;
    const measured = await runBenchmark({
      device: name,
      parts: ["steps", "limits"],
      sizes: [size],
      large: false,
      rounds,
      minutes: minutesLeft() / 2,
      program: "",
      note,
      peers: torchOnGpu ? pytorchSides : async () => [],
    });
    found.steps = [...(found.steps ?? []), measured];
    await keep();
  }
  if (asked("decoding")) {
    // Draws the weights of a model, which takes a while: once it is asked for.
    const { decodingOn } = await import("./decoding.ts");
    found.decoding = await decodingOn(name, note);
    await keep();
  }
}
await keep();
for (const [name, { steps = [] }] of Object.entries(report.devices)) {
  for (const measured of steps) {
    const about = { date: report.date, machine: `${report.machine}${gpu === undefined ? "" : `, ${gpu}`}` };
    console.log(benchmarkMarkdown({ ...about, software: `tokenformer on ${name}`, ...measured }));
  }
}
const apart = Object.values(report.devices)
  .flatMap(({ parity = [] }) => parity)
  .filter(({ deviation, precision }) => !(deviation <= TOLERANCE[precision]));
for (const { device, model, precision, deviation } of apart)
  note(
    `${device}: losses of ${model} in ${precision} differ from the CPU's by ${deviation}, more than ${TOLERANCE[precision]}`,
  );
note(`written to ${options.out}`);
process.exitCode = Object.keys(report.devices).length === 0 || apart.length > 0 ? 1 : 0;

/** What a program prints, or undefined where it cannot be run or fails. */
async function answerOf(program: string, given: readonly string[]): Promise<string | undefined> {
  try {
    const { stdout } = await promisify(execFile)(program, given, { timeout: 60_000 });
    return stdout.trim();
  } catch {
    return undefined;
  }
}

/** Why a device does not open, or undefined where it does. */
async function whyNot(name: (typeof kinds)[number]): Promise<string | undefined> {
  try {
    await (await openDevice(name)).close();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** PyTorch on the GPU, as far as it works there: eager and compiled, in float32 and in bfloat16. */
async function pytorchSides(work: Work): Promise<Side[]> {
  const files = await writeWork(work);
  const sides: Side[] = [];
  for (const compile of [false, true]) {
    for (const dtype of ["float32", "bfloat16"] as const) {
      const side = pytorch(options.python, work, files, { compile, dtype, device: "cuda" });
      try {
        sides.push(goingOn(side, await side.steps(1)));
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        report.notMeasured.push({ name: `${side.name}, ${work.config.type} at ${work.name}`, reason });
      }
    }
  }
  files.remove();
  return sides;
}

/** A side that has made some steps on trial, which count as its first. */
function goingOn(side: Side, tried: Awaited<ReturnType<Side["steps"]>>): Side {
  let first: typeof tried | undefined = tried;
  return {
    ...side,
    async steps(count) {
      if (first === undefined) return side.steps(count);
      const { seconds, losses } = first;
      first = undefined;
      if (count <= seconds.length) return { seconds, losses };
      const rest = await side.steps(count - seconds.length);
      return { seconds: [...seconds, ...rest.seconds], losses: [...losses, ...rest.losses] };
    },
  };
}

async function keep(): Promise<void> {
  await writeFile(`${options.out}.part`, `${JSON.stringify(report, null, 2)}\n`);
  await rename(`${options.out}.part`, options.out);
}
