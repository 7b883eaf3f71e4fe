/** The key of a configuration that was probably meant by an unknown one. */

import { nearest, plainName } from "../suggestion.ts";

/** Names that other programs (nanoGPT, Hugging Face, GPT-NeoX, PyTorch) have for keys of ours, in plain writing. */
const names: Readonly<Record<string, readonly string[]>> = {
  "model.vocabulary": ["vocab", "vocabsize", "paddedvocabsize"],
  "model.context": [
    "blocksize",
    "contextlength",
    "contextsize",
    "seqlen",
    "seqlength",
    "maxseqlen",
    "nctx",
    "npositions",
  ],
  "model.layers": ["nlayer", "nlayers", "numlayers", "numhiddenlayers", "depth", "blocks"],
  "model.heads": ["nhead", "nheads", "numheads", "numattentionheads"],
  "model.width": ["nembd", "dmodel", "hiddensize", "dim", "embeddim", "embeddingsize", "channels"],
  "model.dropout": ["hiddendropout", "attentiondropout", "residpdrop", "attnpdrop", "embdpdrop"],
  "model.tied": ["tiewordembeddings", "tieweights", "weighttying", "noweighttying"],
  "model.biases": ["bias", "usebias"],
  "model.activation": ["hiddenact", "normactivationtype", "theta"],
  "model.positions": ["posemb", "positionembeddingtype", "rope", "rotary"],
  "model.rotaryFraction": ["rotarypct", "partialrotaryfactor"],
  "model.normEpsilon": ["layernormepsilon", "layernormeps", "normeps"],
  "model.tokens": ["slots", "qkvslotnum", "tokennum", "paramtokens"],
  "model.tokens.query": ["q"],
  "model.tokens.key": ["k"],
  "model.tokens.value": ["v"],
  "model.tokens.projection": ["proj", "projslotnum"],
  "model.tokens.feedForward": ["ffn", "ffnslotnum", "mlp"],
  "training.steps": [
    "maxiters",
    "maxsteps",
    "trainiters",
    "iterations",
    "iters",
    "epochs",
    "numtrainepochs",
    "lrdecayiters",
  ],
  "training.batch": ["batchsize", "trainbatchsize", "bs", "perdevicetrainbatchsize"],
  "training.microBatch": ["gradientaccumulationsteps", "gradaccum", "trainmicrobatchsizepergpu"],
  "training.learningRate": ["lr", "learnrate", "maxlr", "rate"],
  "training.minimumLearningRate": ["minlr", "minimumlr", "minlearningrate", "minrate"],
  "training.schedule": ["lrscheduler", "lrschedulertype", "lrdecaystyle", "scheduler", "decaylr"],
  "training.warmup": ["warmupiters", "warmupsteps", "warmupratio"],
  "training.precision": ["dtype", "torchdtype", "fp16", "amp"],
  "training.decayFraction": ["decay", "cooldownfraction"],
  "training.epsilon": ["eps", "adamepsilon"],
  "training.beta1": ["adambeta1", "betas"],
  "training.beta2": ["adambeta2"],
  "training.weightDecay": ["wd"],
  "training.clip": ["gradclip", "clipgrad", "gradientclipping", "maxgradnorm"],
  "training.seed": ["randomseed"],
  "training.evaluateEvery": ["evalinterval", "evalsteps", "evalevery"],
  "training.evaluationTokens": ["evaliters"],
  "training.checkpointEvery": ["savesteps", "saveinterval", "saveevery", "checkpointfactor"],
  "training.keepBest": ["loadbestmodelatend"],
};

const meanings = new Map(
  Object.entries(names).flatMap(([key, others]) => others.map((other) => [other, key] as const)),
);

/**
 * The known key that was probably meant: by its name elsewhere, by its last part, or by one that is written like it; first one beside it.
 * @param wrong a path such as `training.lerningRate`, or less of one, such as `lr`
 */
export function nearKey(wrong: string, known: readonly string[]): string | undefined {
  const last = lastPart(wrong);
  const parents = wrong.slice(0, wrong.length - last.length);
  const meant = meanings.get(plainName(last));
  const named = [parents + lastPart(meant ?? ""), meant].find((key) => key !== undefined && known.includes(key));
  if (named !== undefined) return named;
  const same = known.filter((key) => key !== wrong && plainName(lastPart(key)) === plainName(last));
  if (same.length > 0) return same.find((key) => key.startsWith(parents)) ?? same[0];
  const near = nearPath(wrong, known);
  if (near !== undefined) return near;
  const part = nearest(last, known.map(lastPart));
  return part === undefined ? undefined : known.find((key) => lastPart(key) === part);
}

/** A path that is written like a wrong one. Where its parents are known, they are no part of what was mistyped. */
function nearPath(wrong: string, known: readonly string[]): string | undefined {
  const last = lastPart(wrong);
  const parents = wrong.slice(0, wrong.length - last.length);
  const children = known.filter((key) => key.startsWith(parents)).map((key) => key.slice(parents.length));
  if (parents === "" || children.length === 0) return nearest(wrong, known);
  const near = nearest(last, children);
  return near && parents + near;
}

/** The key of a run's configuration that goes by a name, here or elsewhere, such as `batch-size`. */
export function keyCalled(name: string): string | undefined {
  const plain = plainName(name);
  return meanings.get(plain) ?? Object.keys(names).find((key) => plainName(lastPart(key)) === plain);
}

function lastPart(key: string): string {
  return key.slice(key.lastIndexOf(".") + 1);
}
