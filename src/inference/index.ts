/** A model with its weights on a device: losses and logits. */

export {
  type BatchForm,
  copyTensors,
  countedIn,
  downloadArrays,
  floatArray,
  formOf,
  Inference,
  lossOf,
  scalar,
  scalarOf,
  type Tensors,
  type TokenBatch,
  tracedLoss,
  uploadArrays,
} from "./inference.ts";
export { requireKnown } from "./known.ts";
