/** Messages of the ONNX file format: to read, or to change, a model that was emitted. */

export * from "./enumerations.ts";
export * from "./onnx_pb.ts";
