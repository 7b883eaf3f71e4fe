/**
 * Clients of OpenAI's API that are too large for `npm test` with a server of ours: installs them beside this file, trains a small model to
 * talk to, serves it, and runs the checks of both languages.
 *
 *     npm run test:clients -- [--only javascript|python]
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const here = fileURLToPath(new URL(".", import.meta.url));
const main = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
const { values: options } = parseArgs({ options: { only: { type: "string" } } });

/** Runs a program to its end; its output goes on. */
async function run(program, words, cwd = here) {
  const child = spawn(program, words, { cwd, stdio: ["ignore", "inherit", "inherit"] });
  const [code] = await once(child, "close");
  return code;
}

async function must(program, words, cwd) {
  const code = await run(program, words, cwd);
  if (code !== 0) throw new Error(`${program} ${words.join(" ")} ended with ${code}`);
}

const sides = {
  javascript: async (url) => {
    await must("npm", ["ci", "--no-audit", "--no-fund", "--loglevel", "error"]);
    return run(process.execPath, ["check.js", url]);
  },
  python: async (url) => {
    const python = join(here, "venv", process.platform === "win32" ? "Scripts" : "bin", "python");
    await must(process.platform === "win32" ? "python" : "python3", ["-m", "venv", "venv"]);
    await must(python, ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", "requirements.txt"]);
    // LiteLLM would ask the network for prices.
    process.env.LITELLM_LOCAL_MODEL_COST_MAP = "True";
    return run(python, ["check.py", url]);
  },
};

/** Two questions and what to answer. */
const TALKS = [
  ["Who are you?", "I am a small model."],
  ["What colour is the whale?", "It is white."],
].map(([question, answer]) => ({
  messages: [
    { role: "user", content: question },
    { role: "assistant", content: answer },
  ],
}));

async function trained(folder) {
  await writeFile(
    join(folder, "talks.jsonl"),
    Array(20)
      .fill(TALKS)
      .flat()
      .map((talk) => JSON.stringify(talk))
      .join("\n"),
  );
  const settings = {
    "model.layers": 1,
    "model.width": 32,
    "model.heads": 2,
    "model.tokens.query": 32,
    "model.tokens.key": 32,
    "model.tokens.value": 32,
    "model.tokens.projection": 32,
    "model.tokens.feedForward": 64,
    "training.steps": 300,
    "training.warmup": 20,
    "training.learningRate": 3e-3,
    "training.evaluateEvery": 0,
  };
  const words = Object.entries(settings).flatMap(([key, value]) => ["--set", `${key}=${value}`]);
  const data = ["--data", "talks.jsonl", "--special-tokens", "<|endoftext|>"];
  await must(process.execPath, [main, "train", ...data, ...words, "--out", "talker"], folder);
}

/** Serves a run, and gives its address. */
async function served(folder) {
  const child = spawn(process.execPath, [main, "serve", "talker", "--port", "0"], {
    cwd: folder,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const url = await new Promise((resolve, reject) => {
    let said = "";
    const read = (chunk) => {
      said += chunk;
      const found = /http:\/\/[\w.:[\]]+/.exec(said);
      if (found !== null) resolve(`${found[0]}/v1`);
    };
    child.stdout.on("data", read);
    child.stderr.on("data", read);
    child.on("close", (code) => reject(new Error(`the server ended with ${code}: ${said}`)));
  });
  return { child, url };
}

const folder = await mkdtemp(join(tmpdir(), "tokenformer-clients-"));
try {
  await trained(folder);
  const { child, url } = await served(folder);
  for (const [name, side] of Object.entries(sides)) {
    if (options.only !== undefined && options.only !== name) continue;
    if ((await side(url)) !== 0) process.exitCode = 1;
  }
  const ended = once(child, "close");
  child.kill();
  await ended;
} finally {
  await rm(folder, { recursive: true });
}
