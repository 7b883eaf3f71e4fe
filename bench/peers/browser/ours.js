/** The training step of tokenformer, on WebAssembly. */

import { modelOf, openDevice, Trainer } from "tokenformer/browser";
import { givenOf } from "tokenformer/model";
import { answer, config, nextBatch, state, timed, training } from "./turns.js";

let trainer;

const turn = timed(() => {
  const given = nextBatch();
  return async () => {
    if (trainer === undefined) {
      const device = await openDevice("wasm", { threads: navigator.hardwareConcurrency });
      trainer = await Trainer.create(device, modelOf(config), state(), { ...training, given: givenOf(config) });
    }
    return (await trainer.update([given], 1e-3, 1)).loss;
  };
});

answer(turn);
