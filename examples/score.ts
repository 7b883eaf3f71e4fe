/**
 * Scores texts with a run: how many bits a model needs for each byte of them, and which token of each surprises it most.
 *
 *     npm run example -- score runs/book "The white whale" "The whale white"
 */

import { Inference, loadCheckpoint, modelOf, openDevice, Scorer, UserError } from "tokenformer";
import { givenOf } from "tokenformer/model";
import { chosenTokenizer, uploadArrays } from "tokenformer/training";

const [folder, ...texts] = process.argv.slice(2);
if (folder === undefined || texts.length === 0) throw new UserError("expected the folder of a run, and texts to score");

// The model of the checkpoint, with its weights on a device.
const checkpoint = await loadCheckpoint(folder);
const tokenizer = await chosenTokenizer(checkpoint, folder, undefined);
const { model } = checkpoint.config;
const device = await openDevice("cpu");
const parameters = await uploadArrays(device, checkpoint.state.parameters);
const inference = new Inference(device, modelOf(model), parameters, givenOf(model));
const scorer = await Scorer.create(inference, { top: 1 });

// All texts go through the model together. The first token has nothing before it that could predict it.
const sequences = texts.map((text) => Int32Array.from(tokenizer.encode(text)));
const long = sequences.findIndex(({ length }) => length > model.context || length < 2);
if (long >= 0) {
  throw new UserError(`"${texts[long]}": has ${sequences[long]?.length} tokens, expected 2 to ${model.context}`);
}
const scores = await scorer.score(sequences);

const bytesOf = (ids: Int32Array) => Buffer.byteLength(tokenizer.decode(ids));

for (const [index, { logProbabilities }] of scores.entries()) {
  const ids = sequences[index] ?? new Int32Array();
  const bits = logProbabilities.reduce((sum, value) => sum - value / Math.LN2, 0);
  // Those of the text after its first token: decoders may leave out a space at the beginning of what they are given.
  const bytes = bytesOf(ids) - bytesOf(ids.slice(0, 1));
  const places = Array.from(logProbabilities, (value, place) => ({ value, token: ids[place + 1] ?? 0 }));
  const [surprise] = places.toSorted((a, b) => a.value - b.value);
  const said = JSON.stringify(tokenizer.decode([surprise?.token ?? 0]));
  const chance = Math.exp(surprise?.value ?? 0).toPrecision(2);
  console.log(`${texts[index]}: ${(bits / bytes).toFixed(3)} bits per byte, least likely ${said} (p = ${chance})`);
}
await device.close();
