/**
 * `serve` under 1, 8 and 32 clients that ask at once, at the size of the preset 150m with random weights, beside llama.cpp's server with a
 * Llama of as many parameters, layers, heads, channels and tokens. All servers stay open and take turns; medians over rounds.
 *
 *     npm run bench:serving -- [--python PYTHON [--llama-server PROGRAM]] [--clients 1,8,32] [--prompt 32] [--tokens 64] [--temperature 1]
 *       [--only float32,int8,int4] [--rounds 5] [--minutes 4] [--work FOLDER] [--out FILE]
 *
 * Models are made once where --work names a folder to keep them in. Each figure is printed as soon as there is one, and no round begins that would end after --minutes, but one there is always. How to
 * install the peer: bench/peers/llama.cpp.
 */

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { CharacterTokenizer, Random } from "tokenformer";
import { machine, median, note, ratiosOf } from "./measure.ts";
import { parameters, randomState, saveModel, size, VOCABULARY } from "./model-150m.ts";
import { countOf, endAt, parsedOptions, someOf } from "./options.ts";
import { commandLine, rateOf, type Server, startServer } from "./servers.ts";

const { values: options } = parsedOptions({
  options: {
    "llama-server": { type: "string" },
    python: { type: "string" },
    clients: { type: "string", default: "1,8,32" },
    prompt: { type: "string", default: "32" },
    tokens: { type: "string", default: "64" },
    temperature: { type: "string", default: "1" },
    only: { type: "string", default: "float32,int8,int4" },
    rounds: { type: "string", default: "5" },
    minutes: { type: "string", default: "4" },
    work: { type: "string" },
    out: { type: "string" },
  },
});

const counts = options.clients.split(",").map((count) => countOf(count, "--clients"));
const [promptLength, tokens] = [countOf(options.prompt, "--prompt"), countOf(options.tokens, "--tokens")];
const [rounds, minutes] = [countOf(options.rounds, "--rounds"), countOf(options.minutes, "--minutes")];
const temperature = Number(options.temperature);
if (!(temperature >= 0)) endAt(`--temperature ${options.temperature}: expected a number from 0`);
const precisions = someOf(["float32", "int8", "int4"], options.only, "--only");
const { "llama-server": llamaServer, python } = options;
if (llamaServer !== undefined && python === undefined) endAt("--llama-server: needs --python, which writes its model");

const threads = String(availableParallelism());
const slots = String(Math.max(...counts));
const folder = options.work ?? mkdtempSync(join(tmpdir(), "bench-serving-"));
const random = Random.from("bench");

const peerFile = (name: string) => fileURLToPath(new URL(`../bench/peers/llama.cpp/${name}`, import.meta.url));

/** A server that takes turns with others. */
interface Side {
  readonly name: string;
  readonly server: Server;
  /** What a request has beside its prompt, its tokens and how they are drawn. */
  readonly extra: object;
}

/** The model as a checkpoint, with a token for each of so many characters. */
async function writeOurs(): Promise<string> {
  const to = join(folder, "150m");
  if (existsSync(to)) return to;
  const first = 0x4e00; // ideographs and what follows them, without surrogates up to 0xd7ff
  const codes = Array.from({ length: VOCABULARY }, (_, id) => (first + id < 0xd800 ? first : 0xe000) + id);
  const tokenizer = CharacterTokenizer.fromText(String.fromCodePoint(...codes));
  await saveModel(to, randomState(), tokenizer);
  return to;
}

async function ours(run: string, precision: string): Promise<Side> {
  const quantized = precision === "float32" ? [] : ["--quantize", precision];
  const given = [commandLine, "serve", run, "--port", "0", "--slots", slots, ...quantized];
  return { name: `tokenformer ${precision}`, server: await startServer(process.execPath, given), extra: {} };
}

/** Number types of llama.cpp, by ours. */
const GGUF = { float32: "F32", int8: "Q8_0", int4: "Q4_0" } as const;

/** Columns of the gated feed-forward of a Llama that has three matrices where a site of ours has two. */
const FEED_FORWARD = 4 * size.width;

function writeLlama(file: string, python: string, type: string): void {
  const sizes = Object.entries({ ...size, "feed-forward": FEED_FORWARD }).flatMap(([name, value]) => [
    `--${name}`,
    String(value),
  ]);
  const count = execFileSync(python, [peerFile("write_model.py"), file, "--type", type, ...sizes], {
    encoding: "utf8",
  });
  note(`llama.cpp ${type}: ${count.trim()} parameters`);
}

async function llama(python: string, precision: keyof typeof GGUF): Promise<Side> {
  const file = join(folder, `${precision}.gguf`);
  if (!existsSync(file)) writeLlama(file, python, GGUF[precision]);
  const room = String(Number(slots) * 2 ** Math.ceil(Math.log2(promptLength + tokens)));
  const given = ["-m", file, "--port", "0", "-t", threads, "-np", slots, "-c", room];
  return {
    name: `llama.cpp ${GGUF[precision]}`,
    server: await (llamaServer === undefined
      ? startServer(python, [peerFile("serve.py"), ...given])
      : startServer(llamaServer, given)),
    // What the others have by default, and as many tokens as were asked for.
    extra: { top_k: 0, top_p: 1, min_p: 0, ignore_eos: true, cache_prompt: false },
  };
}

const sides: Side[] = [];

/** Tokens a second of a side under so many clients, each with a prompt of its own. */
function rate({ server, extra }: Side, clients: number, written = tokens): Promise<number> {
  const draw = () => Array.from({ length: promptLength }, () => random.integer(VOCABULARY - 2));
  const requests = Array.from({ length: clients }, (_, seed) => {
    return { prompt: draw(), max_tokens: written, temperature, seed, ...extra };
  });
  return rateOf(server, requests);
}

/** Rates of each side, by clients, round by round, as many rounds as there is time for. */
async function inTurns(): Promise<Map<number, number[][]>> {
  const rates = new Map(counts.map((clients) => [clients, sides.map((): number[] => [])]));
  for (const side of sides) await rate(side, Math.max(...counts), 4); // not timed: memory is touched for the first time
  const startedAt = performance.now();
  const seconds = () => (performance.now() - startedAt) / 1000;
  for (let round = 1; round <= rounds; round++) {
    for (const [clients, all] of rates) {
      for (const [index, side] of sides.entries()) all[index]?.push(await rate(side, clients));
      const told = sides.map(({ name }, index) => `${name} ${all[index]?.at(-1)?.toFixed(0)}`);
      note(`round ${round}, ${clients} clients, tokens/s: ${told.join(", ")} (${seconds().toFixed()} s gone)`);
    }
    if (seconds() * (1 + 1 / round) > 60 * minutes) break;
  }
  return rates;
}

try {
  mkdirSync(folder, { recursive: true });
  note(`tokenformer: ${parameters} parameters`);
  const run = await writeOurs();
  for (const precision of precisions) {
    sides.push(await ours(run, precision));
    if (python !== undefined) sides.push(await llama(python, precision));
  }
  const rows = [...(await inTurns())].flatMap(([clients, all]) =>
    all.map((rates, index) => {
      // Beside the side of the same precision that comes first.
      const first = all[index - (index % (sides.length / precisions.length))] ?? [];
      const ratios = ratiosOf(rates, first);
      const ratio = { least: Math.min(...ratios), median: median(ratios), greatest: Math.max(...ratios) };
      return { clients, name: sides[index]?.name, tokensPerSecond: median(rates), rates, overOurs: ratio };
    }),
  );
  const date = new Date().toISOString().slice(0, 10);
  const result = { date, machine, threads, prompt: promptLength, tokens, temperature, rows };
  const text = `${JSON.stringify(result, undefined, 2)}\n`;
  process.stdout.write(text);
  if (options.out !== undefined) await writeFile(options.out, text);
} finally {
  await Promise.all(sides.map(({ server }) => server.stop()));
  if (options.work === undefined) rmSync(folder, { recursive: true, force: true });
}
