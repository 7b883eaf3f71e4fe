/**
 * The commands, by name in the order of `--help`: what it says of each, and where it is. A command is loaded when it is asked for,
 * because what it is made of takes longer to load than a page of help should.
 */

import type { Command } from "commander";

interface CommandEntry {
  readonly description: string;
  load(): Promise<Command>;
}

export const commands: Readonly<Record<string, CommandEntry>> = {
  train: {
    description: "train a model; with --grow-at, append parameter tokens on the way",
    load: async () => (await import("./train-command.ts")).trainCommand(),
  },
  grow: {
    description:
      "append parameter tokens to a TokenFormer, or widen a Transformer; train the result with `train --resume --out`",
    load: async () => (await import("./grow-command.ts")).growCommand(),
  },
  prune: {
    description: "drop the parameter tokens of a TokenFormer that a text uses least",
    load: async () => (await import("./prune-command.ts")).pruneCommand(),
  },
  adapt: {
    description:
      "train a skill: parameter tokens in a file of their own, beside a model that stays as it is; attach it with --with",
    load: async () => (await import("./adapt-command.ts")).adaptCommand(),
  },
  merge: {
    description: "make skills part of a run",
    load: async () => (await import("./merge-command.ts")).mergeCommand(),
  },
  sample: {
    description: "write text that goes on from a prompt: the text on stdout, all else on stderr",
    load: async () => (await import("./sample-command.ts")).sampleCommand(),
  },
  chat: {
    description: "talk with a model in the terminal: what it says on stdout, all else on stderr",
    load: async () => (await import("./chat-command.ts")).chatCommand(),
  },
  eval: {
    description:
      "loss, perplexity and bits per byte on a text; or accuracy on a task, as lm-evaluation-harness counts it",
    load: async () => (await import("./eval-command.ts")).evalCommand(),
  },
  serve: {
    description: "serve a model with OpenAI's completions and chat, until SIGTERM or Ctrl-C",
    load: async () => (await import("./serve-command.ts")).serveCommand(),
  },
  studio: {
    description: "open the studio: a page to train, grow and look into models, with the runs below this folder",
    load: async () => (await import("./studio-command.ts")).studioCommand(),
  },
  inspect: {
    description: "configuration, parameters by group, costs, and what was born when it grew",
    load: async () => (await import("./inspect-command.ts")).inspectCommand(),
  },
  import: {
    description: "turn a published TokenFormer checkpoint (PyTorch or safetensors) into one of this program",
    load: async () => (await import("./import-command.ts")).importCommand(),
  },
  export: {
    description: "write a model for other programs",
    load: async () => (await import("./export-command.ts")).exportCommand(),
  },
  logits: {
    description: "write the logits of token ids to a safetensors file: one F32 tensor [batch, time, vocabulary]",
    load: async () => (await import("./logits-command.ts")).logitsCommand(),
  },
  tokenize: {
    description: "turn texts into a token file .bin, or a folder of two, with the tokenizer.json beside it",
    load: async () => (await import("./tokenize-command.ts")).tokenizeCommand(),
  },
  study: {
    description: "does growing pay? Plan, run and report a comparison with its alternatives",
    load: async () => (await import("./study-command.ts")).studyCommand(),
  },
  launch: {
    description: "start a command on several processes or machines by mpirun, and again where one is lost",
    load: async () => (await import("./launch-command.ts")).launchCommand(),
  },
  bench: {
    description: "how fast this machine trains: steps, their limit, growth, start-up, scaling",
    load: async () => (await import("./bench-command.ts")).benchCommand(),
  },
  presets: {
    description: "the named configurations",
    load: async () => (await import("./presets-command.ts")).presetsCommand(),
  },
  demo: {
    description: "train mini on Moby-Dick, grow it twice on the way, write text and a report",
    load: async () => (await import("./demo-command.ts")).demoCommand(),
  },
};
