import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";
import { describe, expect, it } from "vitest";
import { commands } from "../../src/cli/commands.ts";
import { COMMANDS_OF_RANKS } from "../../src/cli/launch-command.ts";
import { gpuOf } from "../../src/cli/ranks.ts";
import { json, TINY, useCommandLine } from "../support/command-line.ts";
import { itWith, mpich, mpiEnvironment, openMpi, runRanks } from "../support/mpi.ts";
import { addressOf, startProcess } from "../support/program.ts";

const { at, main, answer, metrics, run, start } = useCommandLine();

const TRAIN = ["train", "--data", "text.txt", ...TINY, "--set", "training.learningRate=3e-4"];

/** More steps, a checkpoint after every fifth, and a growth between them. */
const LONGER = [...TRAIN, "--set", "training.steps=17", "--set", "training.checkpointEvery=5", "--grow-at", "7:all=x2"];

/** A module that defines a model: a bigram with a product in it. */
const PLAIN = `
import { defineModel, optionsWithDefaults } from "${addressOf("tokenformer")}";
import { linear, tokenTable } from "${addressOf("tokenformer/nn")}";
import { gather } from "${addressOf("tokenformer/tensor")}";
defineModel({
  name: "test:plain",
  options: optionsWithDefaults({ width: 4 }),
  forward: ({ vocabulary, width }) => (scope, tokens) => {
    const table = tokenTable(scope.within("embedding"), vocabulary, width);
    return linear(scope.within("output"), gather(table, tokens), { width: vocabulary, bias: false });
  },
});
`;

/** Kills rank 1, the first time that it has written that step 10 is saved. */
const KILLED = `
  import fs from "node:fs";
  import { syncBuiltinESMExports } from "node:module";
  const append = fs.appendFileSync;
  fs.appendFileSync = (file, text) => {
    append(file, text);
    if (process.env.OMPI_COMM_WORLD_RANK !== "1" || !/^step 10 {2}saved/m.test(text) || fs.existsSync("killed-once")) return;
    fs.writeFileSync("killed-once", "");
    process.kill(process.pid, "SIGKILL");
  };
  syncBuiltinESMExports();
`;

const numbersOf = async (folder: string): Promise<number[]> =>
  (await metrics(folder)).flatMap((record) => {
    const loss = record["loss"] ?? record["validationLoss"];
    return loss === undefined ? [] : Number(loss);
  });

async function expectSameLosses(folder: string, other: string): Promise<void> {
  const [losses, expected] = [await numbersOf(folder), await numbersOf(other)];
  expect(losses).toHaveLength(expected.length);
  losses.forEach((loss, index) => {
    const wanted = expected[index] ?? Number.NaN;
    expect(Math.abs(loss - wanted) / wanted, `loss ${index}`).toBeLessThan(1e-6);
  });
}

describe("training on several ranks", () => {
  itWith(openMpi, "is the run of one, which goes on alone, and only the first rank speaks", async () => {
    await answer(...LONGER, "--out", "alone", "--json");
    // No log can be written there, and none is needed.
    await mkdir(at("logs", "rank-1.log"), { recursive: true });
    const words = [main, ...LONGER, "--out", "ranks", "--json", "--rank-logs", "logs"];
    const { code, output, errors } = await runRanks(openMpi, 3, words, at());
    expect(code, errors).toBe(0);
    expect(json(output)).toMatchObject({ step: 17, interrupted: false });
    expect(errors.match(/^3 ranks, joined by Open MPI \d/gm)).toHaveLength(1);
    expect(errors.match(/^each rank sends 0\.\d+ MB an update \(float32\)$/gm)).toHaveLength(1);
    expect(errors.match(/^step 7 {2}grown by/gm)).toHaveLength(1);
    expect(errors.match(/^warning: .*/gm)).toEqual([
      "warning: rank 1 goes on without its log: cannot write logs/rank-1.log: it is a folder, not a file; check the path",
    ]);
    expect(await readFile(at("logs", "rank-2.log"), "utf8")).toContain("step 7  grown by");
    await expectSameLosses("ranks", "alone");
    for (const folder of ["alone", "ranks"]) {
      await answer("train", "--resume", "--out", folder, "--set", "training.steps=19", "--json");
    }
    expect((await numbersOf("ranks")).length).toBeGreaterThan(19);
  });

  itWith(mpich, "is the run of one", async () => {
    await answer(...TRAIN, "--out", "alone with mpich", "--json");
    const words = [main, ...TRAIN, "--out", "mpich", "--json"];
    const { code, output, errors } = await runRanks(mpich, 2, words, at());
    expect(code, errors).toBe(0);
    expect(json(output)).toMatchObject({ step: 6, interrupted: false });
    await expectSameLosses("mpich", "alone with mpich");
  });

  itWith(mpich, "is refused behind a program that keeps ranks from their mpirun, as npx does", async () => {
    const between = `import { spawnSync } from "node:child_process";
      process.exitCode = spawnSync(process.execPath, ${JSON.stringify([main, ...TRAIN])}, { stdio: "inherit" }).status;`;
    await writeFile(at("between.mjs"), between);
    const { code, errors } = await runRanks(mpich, 2, [at("between.mjs")], at());
    expect(code).toBe(1);
    // None has joined the others, so each speaks for itself.
    expect([...new Set(errors.match(/^tokenformer: .*$/gm))]).toEqual([
      "tokenformer: what mpirun has started, such as npx, keeps the ranks from it; use `tokenformer launch`, or mpirun with `node node_modules/tokenformer/dist/cli/main.js`",
    ]);
  });

  itWith(openMpi, "is refused where ranks differ, in one line", async () => {
    const seeded = 'process.argv.push("--set", "training.seed=" + process.env.OMPI_COMM_WORLD_RANK);';
    await writeFile(at("seeded.mjs"), `${seeded}\nawait import(${JSON.stringify(main)});\n`);
    const words = [at("seeded.mjs"), ...TRAIN, "--out", "differing"];
    const { code, errors } = await runRanks(openMpi, 2, words, at());
    expect(code).toBe(1);
    expect(errors.match(/^tokenformer: .*$/gm)).toEqual([
      expect.stringMatching(
        /^tokenformer: the ranks differ: training\.seed is 0 on rank 0 on \S+ and 1 on rank 1 on \S+; give all ranks the same$/,
      ),
    ]);
  });
});

it("a rank that cannot join says why, also where it is not the first", async () => {
  const environment = { OMPI_COMM_WORLD_SIZE: "2", OMPI_COMM_WORLD_RANK: "1" };
  const words = [main, ...TRAIN, "--mpi-library", "no.so"];
  const { code, stderr } = await startProcess(words, at(), environment).outcome;
  expect([code, stderr]).toEqual([1, expect.stringMatching(/^tokenformer: .*no\.so/)]);
});

it("gradients in bfloat16 are not for a library to add up, nor for one process", async () => {
  const words = [...TRAIN, "--set", "training.communicationDtype=bfloat16", "--set", "training.steps=1"];
  const { code, stderr } = await run(...words, "--sum-order", "library");
  expect([code, stderr]).toEqual([
    1,
    "tokenformer: --sum-order library: MPI libraries do not add up bfloat16, which training.communicationDtype is; leave --sum-order out\n",
  ]);
  expect((await run(...words)).stderr).toContain(
    "warning: training.communicationDtype is bfloat16, and nothing is sent: this process is alone\n",
  );
});

it("each rank of a machine has a GPU, of those that the environment leaves", () => {
  const gpus = (visible: string | undefined) => [0, 1, 2].map((localRank) => gpuOf(localRank, visible));
  expect(gpus(undefined)).toEqual(["0", "1", "2"]);
  expect(gpus("3,5")).toEqual(["3", "5", "3"]);
  expect(gpus("7")).toEqual(["7", "7", "7"]);
  expect(gpus("")).toEqual(["", "", ""]);
});

const EXPECTED = "expected one of train, study progressive, study frontier";

describe("launch", () => {
  const launched = (words: readonly string[], environment: NodeJS.ProcessEnv = {}, program = openMpi.program) =>
    spawn(process.execPath, [main, "launch", "-n", "2", "--mpirun", program, ...words], {
      cwd: at(),
      env: { ...mpiEnvironment(), ...environment },
      stdio: ["ignore", "pipe", "pipe"],
    });

  itWith(
    openMpi,
    "starts again from the last checkpoint when a rank is killed, and ends as if nothing had been",
    async () => {
      const [code] = await once(launched(["--", ...LONGER, "--out", "left alone"]), "close");
      expect(code).toBe(0);
      await writeFile(at("killed.mjs"), KILLED);
      const words = ["--restarts", "2", "--", ...LONGER, "--out", "killed", "--rank-logs", "killed-logs"];
      const child = launched(words, { NODE_OPTIONS: `--import ${pathToFileURL(at("killed.mjs")).href}` });
      let errors = "";
      child.stderr.on("data", (chunk) => {
        errors += chunk;
      });
      expect(await once(child, "close")).toEqual([0, null]);
      expect(
        errors.match(/^tokenformer: rank 1 on \S+ (is gone; all ranks end|was ended by signal 9)$/gm),
      ).toHaveLength(1);
      expect(errors).toContain("\nstarting again from the last checkpoint (1 of 2)\n");
      for (const file of ["model.safetensors", "optimizer.safetensors"]) {
        expect(await readFile(at("killed", file))).toEqual(await readFile(at("left alone", file)));
      }
      expect(await numbersOf("killed")).toEqual(await numbersOf("left alone"));
    },
  );

  itWith(openMpi, "says what a command says, once, and does not try what cannot be again", async () => {
    const child = launched(["--restarts", "2", "--", "train", "--data", "nothing.txt", "--out", "never"]);
    let errors = "";
    child.stderr.on("data", (chunk) => {
      errors += chunk;
    });
    expect(await once(child, "close")).toEqual([1, null]);
    expect(errors.match(/^tokenformer: .*nothing\.txt.*$/gm)).toHaveLength(1);
    expect(errors).not.toContain("starting again");
  });

  for (const mpi of [openMpi, mpich]) {
    itWith(mpi, "has ranks save when it is asked to stop", async () => {
      const out = `stopped with ${mpi.name}`;
      const endless = [...TRAIN, "--set", "training.steps=1000000", "--out", out];
      const child = launched(["--", ...endless], {}, mpi.program);
      let errors = "";
      child.stderr.on("data", (chunk) => {
        errors += chunk;
        // A second one would end it at once.
        if (/step 0 {2}validation loss/.test(errors) && !errors.includes("stopping all ranks")) child.kill("SIGINT");
      });
      expect(await once(child, "close"), errors).toEqual([130, null]);
      const [, step] = /^stopped at step (\d+); go on with: tokenformer train --resume/m.exec(errors) ?? [];
      expect(json(await answer("inspect", out, "--json"))).toMatchObject({ step: Number(step) });
    });
  }

  it("ends ranks at once on a second Ctrl-C, and then itself", async () => {
    const script = `#!/bin/sh
if [ "$1" = --version ]; then echo "Open MPI"; exit 0; fi
trap '' USR2
trap 'echo ended >&2; exit 1' TERM
echo ready >&2
while :; do sleep 0.05; done
`;
    await writeFile(at("stubborn"), script, { mode: 0o755 });
    const running = start("launch", "-n", "2", "--mpirun", at("stubborn"), "--", "train");
    await running.shown(/ready/);
    running.signal("SIGINT");
    await running.shown(/stopping all ranks/);
    running.signal("SIGINT");
    const { code, stderr } = await running.outcome;
    expect(code).toBeNull();
    expect(stderr).toMatch(/\nended\n$/);
  });

  it("asks for the same again until it is saved, and from then on for what no checkpoint holds", async () => {
    // A model of one's own, which the program that starts the ranks does not know.
    await writeFile(at("plain.mjs"), PLAIN);
    const begun = ["train", "--model", at("plain.mjs"), "--data", "text.txt", "--set", "training.steps=6"];
    expect(await start(...begun, "--out", "lost").outcome).toMatchObject({ code: 0 });
    // Each rank is lost: the first before it has saved anything, the second behind its save.
    const script = `#!/bin/sh
if [ "$1" = --version ]; then echo "Open MPI"; exit 0; fi
while [ "$1" != train ]; do shift; done
echo "$@" >> calls.txt
calls=$(wc -l < calls.txt)
if [ $calls = 2 ]; then "${process.execPath}" "${main}" train --model plain.mjs --resume --out lost --set training.steps=8 > ended.txt 2>&1; fi
[ $calls = 3 ] || exit 75
`;
    await writeFile(at("losing"), script, { mode: 0o755 });
    const asked = "train --resume --out lost --set training.steps=8 --model plain.mjs --strategy=own.mjs".split(" ");
    await run("launch", "-n", "2", "--restarts", "2", "--mpirun", at("losing"), "--", ...asked);
    const calls = (await readFile(at("calls.txt"), "utf8")).trim().split("\n");
    expect(calls, await readFile(at("ended.txt"), "utf8")).toEqual([
      asked.join(" "),
      asked.join(" "),
      "train --resume --out lost --model plain.mjs --strategy=own.mjs",
    ]);
  });

  it("leaves all cores of a machine to its ranks, which divide them", async () => {
    await writeFile(at("mpirun"), '#!/bin/sh\necho "Open MPI $*"\n', { mode: 0o755 });
    const { stdout } = await run("launch", "-n", "2", "--mpirun", at("mpirun"), "--", "train");
    expect(stdout).toMatch(/^Open MPI -n 2 --bind-to none --oversubscribe .* train\n$/);
  });

  it("is for the commands that join their ranks, which have options for that", async () => {
    const joining: string[] = [];
    for (const { load } of Object.values(commands)) {
      const command = await load();
      const all = command.commands.length > 0 ? command.commands : [command];
      const joins = all.filter(({ options }) => options.some(({ long }) => long === "--rank-logs"));
      joining.push(...joins.map((one) => (one === command ? "" : `${command.name()} `) + one.name()));
    }
    expect(joining).toEqual(COMMANDS_OF_RANKS);
  });

  it.each([
    ["another command", ["-n", "2", "--", "presets"], `launch: presets is not for several ranks, ${EXPECTED}`],
    ["one below", ["-n", "2", "--", "study", "presets"], `launch: study presets is not for several ranks, ${EXPECTED}`],
    [
      "a slip",
      ["-n", "2", "--", "trian"],
      `launch: trian is not for several ranks, ${EXPECTED}; did you mean "train"?`,
    ],
    ["no rank", ["-n", "0", "--", "train"], "--ranks 0: expected a whole number from 1"],
    [
      "no such file",
      ["-n", "2", "--hostfile", "no", "--", "train"],
      "cannot read no: there is no such file; check the path",
    ],
    [
      "a folder",
      ["-n", "2", "--hostfile", ".", "--", "train"],
      "--hostfile .: is a folder, expected a file of machines; check the path",
    ],
  ])("refuses %s before anything starts", async (_, words, message) => {
    const { code, stderr } = await run("launch", "--mpirun", "no-mpirun", ...words);
    expect([code, stderr]).toEqual([1, `tokenformer: ${message}\n`]);
  });

  it("needs a folder to start again from, and an mpirun", async () => {
    const { stderr } = await run("launch", "-n", "2", "--restarts", "1", "--", "train");
    expect(stderr).toBe(
      "tokenformer: --restarts: needs a command with --out, the folder whose checkpoint to start again from\n",
    );
    const missing = await run("launch", "-n", "2", "--mpirun", "no-mpirun", "--", "train");
    expect(missing.code).toBe(1);
    expect(missing.stderr).toMatch(
      /^tokenformer: no-mpirun: cannot be started \(.+\); install Open MPI or MPICH, or name its mpirun with --mpirun\n$/,
    );
  });
});
