/**
 * What skills cost a server: the rate of one with eight skills beside that of one without, in turns, for clients that ask at once, each of
 * the next model. The base and the skills are made once, and hardly trained, as their speed does not depend on what they learned.
 *
 *     npm run bench:serving-skills -- [--clients 32] [--skills 8] [--add all=16] [--tokens 64] [--rounds 5] [--work FOLDER]
 */

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { machine, median } from "./measure.ts";
import { countOf, parsedOptions } from "./options.ts";
import { commandLine, rateOf, type Server, startServer } from "./servers.ts";

const { values: options } = parsedOptions({
  options: {
    clients: { type: "string", default: "32" },
    skills: { type: "string", default: "8" },
    add: { type: "string", default: "all=16" },
    tokens: { type: "string", default: "64" },
    rounds: { type: "string", default: "5" },
    work: { type: "string" },
  },
});

const clients = countOf(options.clients, "--clients");
const tokens = countOf(options.tokens, "--tokens");
const names = Array.from({ length: countOf(options.skills, "--skills") }, (_, index) => `skill${index + 1}`);
const work = options.work ?? mkdtempSync(join(tmpdir(), "serving-skills-"));

/** 4 layers of width 256, with 256 and 1024 parameter tokens: 4.2 M parameters. */
const BASE = [
  ...[
    "model.layers=4",
    "model.width=256",
    "model.heads=4",
    "model.context=128",
    "training.steps=2",
    "training.warmup=0",
  ],
  `model.tokens=${JSON.stringify({ query: 256, key: 256, value: 256, projection: 256, feedForward: 1024 })}`,
];
const SHORT = ["training.batch=2", "training.evaluationTokens=256"];

const set = (assignments: readonly string[]) => assignments.flatMap((assignment) => ["--set", assignment]);

function made(folder: string, args: readonly string[]): void {
  if (!existsSync(join(work, folder)))
    execFileSync(process.execPath, [commandLine, ...args], { cwd: work, stdio: ["ignore", "ignore", "inherit"] });
}

function makeAll(): void {
  mkdirSync(work, { recursive: true });
  made("base", ["train", "--preset", "mini", ...set([...BASE, ...SHORT]), "--out", "base"]);
  for (const [index, name] of names.entries()) {
    const training = set([...SHORT, "training.steps=1", `training.seed=${index + 1}`]);
    made(name, ["adapt", "base", "--data", "Moby-Dick", "--add", options.add, "--to", name, ...training]);
  }
}

function serve(skills: readonly string[]): Promise<Server> {
  const given = skills.flatMap((name) => ["--skill", `${name}=${name}`]);
  const args = [commandLine, "serve", "base", "--port", "0", "--slots", `${clients}`, ...given];
  return startServer(process.execPath, args, work);
}

/** Requests of all clients, each for the next of some models. */
const requestsFor = (models: readonly string[]) =>
  Array.from({ length: clients }, (_, seed) => {
    return { model: models[seed % models.length], prompt: "Call me Ishmael", max_tokens: tokens, seed };
  });

const servers: Server[] = [];
const served = async (skills: readonly string[]): Promise<Server> => {
  const server = await serve(skills);
  servers.push(server);
  return server;
};
try {
  makeAll();
  const [alone, beside] = [await served([]), await served(names)];
  const rates: { readonly plain: number; readonly skilled: number }[] = [];
  // One round that does not count.
  for (let round = 0; round <= countOf(options.rounds, "--rounds"); round++) {
    const plain = await rateOf(alone, requestsFor(["base"]));
    const skilled = await rateOf(beside, requestsFor(["base", ...names]));
    if (round > 0) rates.push({ plain, skilled });
  }
  const ratios = rates.map(({ plain, skilled }) => skilled / plain);
  console.log(
    JSON.stringify({
      machine,
      plain: median(rates.map(({ plain }) => plain)),
      skilled: median(rates.map(({ skilled }) => skilled)),
      ratio: median(ratios),
      ratios,
    }),
  );
} finally {
  await Promise.all(servers.map((server) => server.stop()));
  if (options.work === undefined) rmSync(work, { recursive: true, force: true });
}
