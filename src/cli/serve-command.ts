/** `tokenformer serve`: a model as a server with OpenAI's completions and chat. */

import { basename, resolve } from "node:path";
import { Command, Option } from "commander";
import { messageOf, UserError } from "../errors.ts";
import { Scorer } from "../evaluation/index.ts";
import { allOrNothing, settled } from "../freeing.ts";
import { openSequences } from "../generation/index.ts";
import { isLoopback, urlOf } from "../http/address.ts";
import type { Inference } from "../inference/index.ts";
import { type CompleteModelConfig, type GatedGenerations, type QuantizationName, sites } from "../model/index.ts";
import type { DeviceName } from "../runtime/index.ts";
import type { RunningServer, ServedModel, Shared } from "../server/index.ts";
import { LONGEST_SECONDS } from "../server/limits.ts";
import { chatTemplateOf, type Tokenizer } from "../text/index.ts";
import { deviceOption } from "./device-option.ts";
import { wholeOption } from "./numbers.ts";
import {
  collected,
  type OpenedRun,
  quantizeOption,
  tokenizerOf,
  tokenizerOption,
  type WithOptions,
  withModel,
  withOption,
  withRun,
} from "./open.ts";
import { note, print } from "./output.ts";
import { modelOption } from "./own-modules.ts";
import { servedUntilStopped } from "./serving.ts";

interface Options extends WithOptions {
  readonly skill?: readonly string[];
  readonly port: number;
  readonly host: string;
  readonly apiKey?: string;
  readonly cors: readonly string[];
  readonly tokenizer?: string;
  readonly slots: number;
  readonly queue: number;
  readonly maxBody: number;
  readonly timeout: number;
  readonly quantize?: QuantizationName;
  readonly device: DeviceName;
}

/** Answers under way may take so long after SIGTERM. */
const DRAIN_SECONDS = 30;

export const serveCommand = () =>
  new Command("serve")
    .argument("<run>", "folder of a run or checkpoint")
    .addOption(modelOption())
    .addOption(withOption())
    .addOption(
      new Option(
        "--skill <name=folder>",
        "serve a skill as a model of that name beside the run; given again, several",
      ).argParser(collected),
    )
    .option("--port <n>", "0 for any that is free", wholeOption("--port"), 8000)
    .option("--host <address>", "where to listen; others can reach 0.0.0.0", "127.0.0.1")
    .option("--api-key <key>", "clients must send it as bearer token (or set TOKENFORMER_API_KEY; default: none)")
    .option(
      "--cors <origins...>",
      "pages that may use it, such as https://example.org; loopback: those of this computer; *: any; none",
      ["loopback"],
    )
    .addOption(tokenizerOption())
    .option("--slots <n>", "texts written at once", wholeOption("--slots", 1), 8)
    .option("--queue <n>", "texts that may wait; more are refused with 429", wholeOption("--queue", 1), 256)
    .option("--max-body <bytes>", "largest request", wholeOption("--max-body", 1), 2 ** 20)
    .option("--timeout <s>", "longest time for an answer", wholeOption("--timeout", 1), 300)
    .addOption(quantizeOption())
    .addOption(deviceOption())
    .action(runServe);

async function runServe(run: string, options: Options): Promise<void> {
  checkNumbers(options);
  await checkOrigins(options.cors);
  const skills = skillsOf(options, basename(resolve(run)));
  const all = [...(options.with ?? []), ...skills.values()];
  return withRun(run, (checkpoint) => serveRun(checkpoint, options, [...skills.keys()]), { with: all });
}

/** The folders of the skills that are served, by their names. @param run what the model itself is called */
function skillsOf({ skill = [] }: Options, run: string): Map<string, string> {
  const skills = new Map<string, string>();
  for (const given of skill) {
    const [, name = "", folder = ""] = /^([^=]+)=(.+)$/s.exec(given) ?? [];
    if (name === "") throw new UserError(`--skill ${given}: expected name=folder, such as --skill law=skills/law`);
    if (skills.has(name) || name === run) {
      const what = name === run ? "is what the run itself is called" : "is given twice";
      throw new UserError(`--skill ${given}: the name ${name} ${what}; choose another name`);
    }
    skills.set(name, folder);
  }
  return skills;
}

/** @param skills the names of the skills that requests choose: those of the last generations of the model */
async function serveRun(checkpoint: OpenedRun, options: Options, skills: readonly string[]): Promise<void> {
  // Loaded only when asked for: other commands need no server.
  const { MOST_ALTERNATIVES } = await import("../server/index.ts");
  const tokenizer = await tokenizerOf(checkpoint, options.tokenizer);
  const { context, vocabulary } = checkpoint.state.config;
  const serve = async (inference: Inference) => {
    const gated = gatedOf(checkpoint.state.config, skills.length);
    const [sequences, scorer] = await allOrNothing(async (onFailure) => {
      const opening = openSequences(inference, checkpoint.state.config, { slots: options.slots, gated });
      onFailure(async () => (await opening).release());
      return settled([opening, Scorer.create(inference, { top: MOST_ALTERNATIVES, gated })]);
    });
    const name = basename(resolve(checkpoint.directory));
    const model = { name, skills, tokenizer, context, vocabulary, sequences, scorer, slots: options.slots };
    await served(model, options).finally(() => sequences.release());
  };
  await withModel(checkpoint, options.device, serve, options.quantize);
}

/** Serves a model until it is told to stop. */
async function served(model: ServedModel & Shared, options: Options): Promise<void> {
  const { startServer } = await import("../server/index.ts");
  const apiKey = options.apiKey ?? process.env["TOKENFORMER_API_KEY"];
  const server = await startServer(model, {
    port: options.port,
    host: options.host,
    origins: originsOf(options.cors),
    limits: { bytes: options.maxBody, queue: options.queue, seconds: options.timeout },
    note,
    ...(apiKey !== undefined && apiKey !== "" && { apiKey }),
  });
  const problem = problemOfChat(model.tokenizer);
  if (problem !== undefined) note(`/v1/chat/completions refuses all: ${problem}`);
  announce(server, [model.name, ...(model.skills ?? [])].join(", "), options.host, apiKey);
  await servedUntilStopped("answering what is under way", () => server.drain(DRAIN_SECONDS));
}

/** Why the model can hold no conversation; it completes texts all the same. */
function problemOfChat(tokenizer: Tokenizer): string | undefined {
  try {
    return chatTemplateOf(tokenizer).unreadable;
  } catch (error) {
    return messageOf(error);
  }
}

/** The last generations of a model, so many, as those that requests choose. */
function gatedOf(config: CompleteModelConfig, count: number): GatedGenerations | undefined {
  if (count === 0) return undefined;
  return { first: 1 + Math.max(...sites(config).map(({ generation }) => generation)) - count, count };
}

function checkNumbers({ port, timeout }: Options): void {
  if (port > 65_535) throw new UserError(`--port ${port}: expected 0 to 65535`);
  if (timeout > LONGEST_SECONDS) {
    throw new UserError(`--timeout ${timeout}: expected up to ${LONGEST_SECONDS} seconds, which are 24 days`);
  }
}

/** The word for no page at all. */
const NONE = "none";

const originsOf = (cors: readonly string[]) => (cors.includes(NONE) ? [] : cors);

async function checkOrigins(cors: readonly string[]): Promise<void> {
  const { isOrigin } = await import("../server/index.ts");
  const wrong = cors.find((origin) => origin !== NONE && !isOrigin(origin));
  if (wrong === undefined) return;
  throw new UserError(
    `--cors ${wrong}: is no origin, expected one such as https://example.org without a path, loopback, * or none`,
  );
}

function announce({ port }: RunningServer, name: string, host: string, apiKey: string | undefined): void {
  print(`serving ${name} at ${urlOf(host, port)}/v1`);
  if (!isLoopback(host) && (apiKey ?? "") === "")
    note("anyone who reaches this address can use the model; --api-key asks for a key");
}
