/** The matrix products of our training step, and nothing else: what ONNX Runtime's WebAssembly takes for them. */

import { compileProducts, productsOf } from "tokenformer/benchmark/products";
import { openDevice } from "tokenformer/browser";
import { answer, batch, config } from "./turns.js";

let products;

async function turn(count) {
  if (products === undefined) {
    const device = await openDevice("wasm", { threads: navigator.hardwareConcurrency });
    products = await compileProducts(device, productsOf({ config, batch }));
  }
  const seconds = [];
  for (let index = 0; index < count; index++) seconds.push(await products.run());
  return { seconds, losses: [] };
}

answer(turn);
