/** A model with its weights on a device: losses and logits. */

export {
  batchInputs,
  downloadArrays,
  floatArray,
  Inference,
  lossOf,
  scalar,
  scalarOf,
  type Tensors,
  type TokenBatch,
  tracedLoss,
  uploadArrays,
} from "./inference.ts";
