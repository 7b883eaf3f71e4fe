/** `tokenformer/formats`: files of tensors: safetensors, and PyTorch's checkpoints without running what is in them. For Node. */

export {
  type ByteSource,
  type LazyTensor,
  openPyTorch,
  openSafetensors,
  openWeights,
  readSafetensors,
  type SafetensorsFile,
  type StoredFloatType,
  type StoredTensor,
  type TensorEntry,
  type WeightEntry,
  type WeightFile,
  type WriteSafetensorsOptions,
  writePyTorch,
  writeSafetensors,
} from "../formats/index.ts";
