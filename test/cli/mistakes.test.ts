import { cp, mkdir, readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openDevice } from "../../src/runtime/index.ts";
import { TINY, useCommandLine } from "../support/command-line.ts";

const { at, run, answer } = useCommandLine();

/** Name, size and time of all files, and the names of folders: nothing may change in a command that is refused. */
async function listing(): Promise<string[]> {
  const names = (await readdir(at(), { recursive: true })).toSorted((a, b) => a.localeCompare(b));
  return Promise.all(
    names.map(async (name) => {
      const stats = await stat(at(name));
      return stats.isDirectory() ? name : `${name} ${stats.size} ${stats.mtimeMs}`;
    }),
  );
}

/** Copies of the run, each with one thing broken. */
const damages: Record<string, (file: (name: string) => string) => Promise<void>> = {
  truncated: async (file) => truncate(file("model.safetensors"), 5000),
  reshaped: async (file) => edit(file("config.json"), '"width": 16', '"width": 32'),
  "without-tokenizer": async (file) => rm(file("tokenizer.json")),
  "without-weights": async (file) => rm(file("model.safetensors")),
  newer: async (file) => edit(file("config.json"), '"formatVersion": 1', '"formatVersion": 9'),
  scrambled: async (file) => writeFile(file("config.json"), '{\n  "model": ,\n}\n'),
};

async function edit(file: string, from: string, to: string): Promise<void> {
  await writeFile(file, (await readFile(file, "utf8")).replace(from, to));
}

let before: string[] = [];

beforeAll(async () => {
  await answer("train", ...TINY, "--data", "text.txt", "--out", "run");
  await writeFile(at("empty.txt"), "");
  await writeFile(at("short.txt"), "the whale and");
  await writeFile(at("latin.txt"), Buffer.from("the sea \xff", "latin1"));
  await mkdir(at("nothing"));
  for (const [name, damage] of Object.entries(damages)) {
    await cp(at("run"), at(name), { recursive: true });
    await damage((file) => at(name, file));
  }
  before = await listing();
});

afterAll(async () => expect(await listing()).toEqual(before));

const train = (...more: string[]) => ["train", ...TINY, "--data", "text.txt", "--out", "new", ...more];
const trainOn = (data: string) => ["train", ...TINY, "--data", data, "--out", "new"];
const set = (assignment: string) => train("--set", assignment);
const growAt = (plan: string) => train("--grow-at", plan);
const grow = (add: string, ...more: string[]) => ["grow", "run", "--to", "new", "--add", add, ...more];
const sample = (...more: string[]) => ["sample", "run", ...more];
const sampleFrom = (folder: string) => ["sample", folder];
const examples = "see `tokenformer presets --json` for examples";

/** What is typed, and the line that answers it, without its "tokenformer: ". */
const mistakes: readonly (readonly [name: string, args: readonly string[], message: string | RegExp])[] = [
  ["missing data", trainOn("gone.txt"), "cannot read gone.txt: there is no such file; check the path"],
  [
    "embedded data in other letters",
    trainOn("moby-dick"),
    "cannot read moby-dick: there is no such file; did you mean Moby-Dick?",
  ],
  [
    "the beginning of an embedded name",
    trainOn("moby"),
    "cannot read moby: there is no such file; did you mean Moby-Dick?",
  ],
  ["mistyped data", trainOn("./sort.txt"), "cannot read ./sort.txt: there is no such file; did you mean short.txt?"],
  [
    "data from a device",
    trainOn("/dev/null"),
    "/dev/null: is no file (a pipe, or a device), and texts are read more than once; write it to a file, and name that",
  ],
  ["empty data", trainOn("empty.txt"), "empty.txt: is empty, expected a text; name a file with text"],
  [
    "a growth larger than any memory",
    grow("all=x100000000"),
    /^growth at step 6: training takes at least 4\.92 TB \(154 G parameters with gradients and Adam's moments 2\.46 TB, a pass of 64 tokens 2\.46 TB\), and there are \S+ [GT]B of memory here; take a smaller model, context or training\.microBatch, or grow less$/,
  ],
  [
    "a model larger than any memory",
    set("model.vocabulary=4e12"),
    /^training takes at least 30\d\d TB \(.*\), and there are \S+ [GT]B of memory here; take a smaller model/,
  ],
  [
    "a run that is mistyped",
    sampleFrom("rum"),
    "rum: there is no such folder, expected a folder with config.json and model.safetensors; did you mean run?",
  ],
  [
    "a file of a run",
    sampleFrom("run/config.json"),
    "run/config.json: is a file, expected a folder with config.json and model.safetensors; name the folder of a run",
  ],
  ["an empty path", train("--from", ""), "--from: is empty, expected a path; give it, or leave the option out"],
  [
    "an empty key",
    ["serve", "run", "--port", "0", "--api-key", ""],
    "--api-key: is empty, expected a key; give it, or leave the option out",
  ],
  [
    "an empty address",
    ["studio", "--port", "0", "--host", ""],
    "--host: is empty, expected an address; give it, or leave the option out",
  ],
  ["an empty argument", sampleFrom(""), "sample: an argument is empty, expected a path; name it"],
  [
    "data shorter than the context",
    trainOn("short.txt"),
    "short.txt: the training part has 11 tokens, expected at least 17 for a context of 16; give a longer text or a smaller context",
  ],
  [
    "data that is no text",
    trainOn("latin.txt"),
    "latin.txt: is not UTF-8 at byte 8, expected a text file in UTF-8; convert it to UTF-8",
  ],
  [
    "a folder as data",
    trainOn("run"),
    "run: is a folder, expected texts .txt, .md, .jsonl or .parquet, or token files train.bin and val.bin in it; name a text file instead",
  ],
  [
    "data that holds out a part, with other data to hold out",
    ["train", ...TINY, "--data", "SOTU", "--validation", "text.txt"],
    "SOTU: has a part of its own to hold out, so that no other can be; name no validation data",
  ],
  [
    "tokens for one file of a text that holds out a part",
    ["tokenize", "--data", "text.txt", "--validation", "short.txt", "--to", "new.bin"],
    "--to new.bin: text.txt (held out: short.txt) has texts to hold out, expected a folder for train.bin and val.bin",
  ],
  [
    "a width that the heads do not divide",
    set("model.width=17"),
    `the configuration: model.heads: width 17 is not divisible by 2 heads; use a multiple of 2 as width, or 1 head; correct it, or ${examples}`,
  ],
  [
    "an unknown key near a known one",
    set("training.lerningRate=1"),
    `the configuration: unknown key "training.lerningRate"; did you mean "training.learningRate"? See \`tokenformer presets --json\` for examples`,
  ],
  [
    "an unknown key",
    set("colour=blue"),
    'the configuration: unknown key "colour". See `tokenformer presets --json` for examples',
  ],
  [
    "a key by its name elsewhere",
    set("lr=1"),
    'the configuration: unknown key "lr"; did you mean "training.learningRate"? See `tokenformer presets --json` for examples',
  ],
  [
    "a key of another type of model",
    set("model.type=transformer"),
    'the configuration: "model.tokens" is a key of another type of model; leave it out',
  ],
  [
    "an unknown type of model",
    set("model.type=gpt"),
    `the configuration: model.type: expected one of bigram, transformer and tokenformer, or a name of your own such as "mine:mixer"; correct it, or ${examples}`,
  ],
  [
    "an unknown preset",
    train("--preset", "minni"),
    '--preset minni: there is no such preset; did you mean "mini"? Choose one of mini, lecture, nanogpt-cpu, 124m, 354m, 757m, 1.4b, 150m, 450m, 900m, 1.5b',
  ],
  [
    "--set without =",
    set("training.steps"),
    "--set training.steps: expected key=value, such as --set training.steps=200",
  ],
  [
    "a value of the wrong type",
    set("training.steps=many"),
    `the configuration: training.steps: is "many", expected a number; correct it, or ${examples}`,
  ],
  [
    "a value of none of several types",
    set("model.tokens.query=many"),
    `the configuration: model.tokens.query: expected a positive whole number, or an array with one for each layer; correct it, or ${examples}`,
  ],
  [
    "a value out of range",
    set("training.batch=0"),
    `the configuration: training.batch: is 0, expected a number above 0; correct it, or ${examples}`,
  ],
  [
    "a vocabulary too small",
    set("model.vocabulary=5"),
    "the configuration: model.vocabulary is 5, but the tokenizer has 22 tokens; leave it out or raise it",
  ],
  [
    "both a preset and a file",
    train("--preset", "mini", "--config", "config.json"),
    "--preset and --config: both are given; leave one out, or start from the preset in the file",
  ],
  [
    "a plan without a step",
    growAt("q=8"),
    "--grow-at q=8: expected STEP:SITES, such as --grow-at 400:q=32,k=32,v=32,proj=32,ffn=128, or STEP:width=96",
  ],
  [
    "a width that is none",
    growAt("2:width=x2"),
    'growth plan "width=x2": "x2" is no width, expected a whole number such as width=96',
  ],
  [
    "widening a tokenformer on the way",
    growAt("2:width=32"),
    `the configuration: growth.0: a tokenformer keeps its width; it grows by parameter tokens, such as add: { feedForward: "x2" }; correct it, or ${examples}`,
  ],
  [
    "a plan with an unknown option",
    growAt("2:q=8;inti=split"),
    '--grow-at 2:q=8;inti=split: unknown option "inti"; did you mean "init"? Expected one of init, tau, rampSteps, optimizer, freeze, newWarmup, newRate, newRateSteps, rewarm, layers, restart, learningRate, warmup, or option.KEY for what a strategy of your own is told',
  ],
  [
    "a learning rate of a plan without a restart",
    growAt("2:q=8;learningRate=1e-3"),
    `the configuration: growth.0.learningRate: is for a schedule that begins again; add restart: true, or leave it out; correct it, or ${examples}`,
  ],
  [
    "a warm-up of growing without a restart",
    grow("q=8", "--warmup", "5"),
    'growth plan "q=8": warmup: is for a schedule that begins again; add restart: true, or leave it out',
  ],
  [
    "a plan after the end",
    growAt("9:q=8"),
    "growth at step 9: training ends after 6 steps; grow earlier, or raise training.steps",
  ],
  [
    "a folder that holds a run",
    train("--out", "run"),
    "run: already holds a run; go on with --resume, or choose another folder",
  ],
  [
    "a folder below a file",
    train("--out", "text.txt/run"),
    "cannot write text.txt/run: a part of its path is a file where a folder should be; check the path",
  ],
  [
    "--resume without --out",
    ["train", "--resume"],
    "--resume: needs --out, the folder with the checkpoint to go on from",
  ],
  ["--restart without --from", train("--restart"), "--restart: needs --from, the run whose weights to start from"],
  [
    "starting from what is no run",
    train("--from", "nothing"),
    "nothing: no checkpoint there, expected a folder with config.json and model.safetensors; train one with: tokenformer train --out nothing",
  ],
  [
    "starting from a run that has made its steps",
    ["train", "--from", "run", "--out", "new"],
    "run: is at step 6, and training ends after 6 steps, counted from the beginning of the first run; raise training.steps, or restart from step 0",
  ],
  [
    "starting from a run of another model",
    ["train", "--from", "run", "--out", "new", "--preset", "lecture"],
    "run: its model.context is 16, not 256; going on from there keeps its model: leave the model out, or give that of its config.json",
  ],
  [
    "another tokenizer than the run's",
    ["train", "--from", "run", "--out", "new", "--tokenizer", "bpe:300"],
    "--tokenizer bpe:300: run has a tokenizer of its own, which its model was trained with; leave the option out",
  ],
  [
    "an unknown site",
    grow("q=8,up=8"),
    'growth plan "q=8,up=8": unknown site "up", expected one of q, k, v, proj, ffn, query, key, value, projection, feedForward, attention, all',
  ],
  [
    "a site without a number",
    grow("q"),
    'growth plan "q": "" is no number of tokens for q, expected for example q=32 or q=x2',
  ],
  ["no tokens", grow("q=0"), 'growth plan "q=0": add.query: is 0, expected a number above 0'],
  [
    "as many tokens as there are",
    grow("q=x1"),
    "growth plan: x1 at blocks.0.attention.query appends no tokens; growing cannot shrink, use x2 or more",
  ],
  [
    "a split that is no multiple",
    grow("q=12", "--init", "split"),
    "growth plan: split copies all 8 tokens of blocks.0.attention.query a whole number of times, 12 is no multiple; use 16",
  ],
  [
    "a layer that is not there",
    grow("q=8", "--layers", "7"),
    "growth plan: there is no layer 7; the model has layers 0 to 0",
  ],
  [
    "no amount",
    ["grow", "run", "--to", "new"],
    "--add and --width: neither is given, expected one of them: --add all=x2 or --add q=32,k=32,v=32,proj=32,ffn=128 for a TokenFormer, --width 96 for a Transformer, or --init with a strategy of your own",
  ],
  [
    "tokens and a width",
    grow("q=8", "--width", "32"),
    "--add and --width: both are given, expected one of them: --add all=x2 or --add q=32,k=32,v=32,proj=32,ffn=128 for a TokenFormer, --width 96 for a Transformer, or --init with a strategy of your own",
  ],
  [
    "widening a tokenformer",
    ["grow", "run", "--to", "new", "--width", "32"],
    'a tokenformer keeps its width; it grows by parameter tokens, such as add: { feedForward: "x2" }',
  ],
  [
    "freezing channels",
    ["grow", "run", "--to", "new", "--width", "32", "--freeze", "3"],
    'growth plan "width=32": a plan of this kind has no freeze',
  ],
  ["growing into a run", grow("q=8", "--to", "truncated"), "truncated: already holds a run; choose another folder"],
  ["growing a run in its place", grow("q=8", "--to", "run"), "run: already holds a run; choose another folder"],
  [
    "growing what is no run",
    ["grow", "nothing", "--to", "nothing", "--add", "q=8"],
    "nothing: no checkpoint there, expected a folder with config.json and model.safetensors; train one with: tokenformer train --out nothing",
  ],
  [
    "a missing checkpoint",
    sampleFrom("gone"),
    "gone: no checkpoint there, expected a folder with config.json and model.safetensors; train one with: tokenformer train --out gone",
  ],
  [
    "weights cut short",
    sampleFrom("truncated"),
    'truncated/model.safetensors: tensor "blocks.0.attention.value.values": expected data up to byte 4096, found 3816 bytes in all; the file is damaged or no safetensors file: copy or write it again',
  ],
  [
    "weights of another shape",
    sampleFrom("reshaped"),
    'reshaped/model.safetensors: the tensor "embedding.tokens" is [22, 16], expected [22, 32] by config.json; restore the files that belong together',
  ],
  [
    "no tokenizer",
    sampleFrom("without-tokenizer"),
    "without-tokenizer: has no tokenizer, which turns text into the model's tokens; name one with --tokenizer FILE.json",
  ],
  [
    "no weights",
    ["eval", "without-weights"],
    "cannot read without-weights/model.safetensors: there is no such file; check the path",
  ],
  [
    "a newer version",
    ["inspect", "newer"],
    "newer/config.json: has format version 9, this program reads up to 1; install a newer tokenformer",
  ],
  [
    "a text that nothing reads",
    ["inspect", "run", "--data", "text.txt"],
    "--data text.txt: only --usage reads a text; add --usage",
  ],
  [
    "a damaged configuration",
    ["train", "--resume", "--out", "scrambled"],
    "scrambled/config.json:2:12: this is not JSON; correct the file or write it again",
  ],
  [
    "a prompt beyond the vocabulary",
    sample("--prompt", "the €"),
    'Character "€" (U+20AC) at 1:5 is not in the vocabulary, expected only characters of the text it was made from; remove it, or train a model with the tokenizer "character+unknown" or "bpe:1024", or take it in while training on: train --from RUN --extend-vocabulary',
  ],
  ["a temperature below 0", sample("--temperature", "-1"), "temperature is -1, expected a number from 0"],
  ["an empty stop string", sample("--stop", ""), "a stop string is empty, expected some text at which to stop"],
  ["scores without a place for them", sample("--logprobs", "2"), "--logprobs needs --json"],
  [
    "a prompt longer than the context where writing stops there",
    sample("--prompt", "the whale and the sea", "--context", "stop"),
    "the prompt has 21 tokens, the model's context 16; shorten it",
  ],
  [
    "a conversion for ONNX",
    ["export", "run", "--format", "onnx", "--to", "new", "--convert"],
    "--convert is for the published layout: ONNX holds any grown model as it is",
  ],
  [
    "an ONNX model in few bits",
    ["export", "run", "--format", "onnx", "--to", "new", "--dtype", "float16"],
    "--dtype float16: ONNX models are float32",
  ],
  [
    "an export into a run's folder",
    ["export", "run", "--format", "onnx", "--to", "run"],
    "run: is the folder of a run; choose another folder",
  ],
  ["a number that is none", sample("--tokens", "abc"), "--tokens abc: expected a whole number from 0"],
  [
    "an unknown tokenizer",
    ["tokenize", "--data", "text.txt", "--to", "new.bin", "--tokenizer", "words"],
    '--tokenizer words: expected "character", "character+unknown", "bpe:" and a vocabulary size such as "bpe:1024", a tokenizer.json, or "ids" for token files without one',
  ],
  [
    "a token file of another name",
    ["tokenize", "--data", "text.txt", "--to", "new.tokens"],
    "--to new.tokens: expected a name that ends in .bin, or --validation with texts for a second file",
  ],
];

describe.concurrent("one line says what is wrong and how to mend it, and nothing is written:", () => {
  it.each(mistakes)("%s", async (name, args, message) => {
    // Commands that run at once may not have one folder.
    const own = `new-${mistakes.findIndex(([other]) => other === name)}`;
    const placed = args.map((word) => (word === "new" ? own : word));
    const { code, stdout, stderr } = await run(...placed);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    const [, said] = /^tokenformer: (.*)\n$/.exec(stderr) ?? [];
    expect(said, stderr)[typeof message === "string" ? "toBe" : "toMatch"](message);
  });

  // Not even root can write there.
  it.skipIf(process.platform !== "linux")("a folder that cannot be written", async () => {
    const { code, stdout, stderr } = await run(...train("--out", "/sys/tokenformer"));
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(
      /^tokenformer: cannot write \/sys\/tokenformer: the (system forbids it|file system is read-only); .+\n$/,
    );
  });

  it.for(["cuda", "webgpu"] as const)("the device %s, where there is none", async (device, { skip }) => {
    const opened = await openDevice(device).catch(() => undefined);
    await opened?.close();
    skip(opened !== undefined, "this machine has one");
    const { code, stdout, stderr } = await run(...train("--device", device, "--out", `new-${device}`));
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    // The graphics library may print a warning of its own before.
    expect(stderr).toMatch(
      new RegExp(`(^|\\n)tokenformer: the device "${device}" is not available here: .+ --device cpu\\.\\n$`),
    );
  });

  it.each([
    ["an unknown command", ["trian"], "unknown command 'trian'; did you mean \"train\"? See `tokenformer --help`"],
    [
      "an unknown command to explain",
      ["help", "Evl"],
      "unknown command 'Evl'; did you mean \"eval\"? See `tokenformer --help`",
    ],
    [
      "an unknown option",
      ["train", "--perset", "mini"],
      "unknown option '--perset'; did you mean --preset? See `tokenformer train --help`",
    ],
    [
      "an option that is a key",
      ["train", "--lr", "3"],
      "unknown option '--lr'; set training.learningRate with --set training.learningRate=…; see `tokenformer train --help`",
    ],
    [
      "an unknown choice",
      sample("--device", "tpu"),
      "option '--device <name>' argument 'tpu' is invalid. Allowed choices are cpu, webgpu, cuda, auto; see `tokenformer sample --help`",
    ],
    [
      "a missing option",
      ["grow", "run"],
      "required option '--to <folder>' not specified; see `tokenformer grow --help`",
    ],
    ["a missing argument", ["sample"], "missing required argument 'run'; see `tokenformer sample --help`"],
  ])("%s", async (_, args, message) => {
    expect(await run(...args)).toEqual({ code: 1, stdout: "", stderr: `tokenformer: ${message}\n` });
  });
});
