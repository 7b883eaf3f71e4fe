/** Numbers of the ONNX file format whose meaning `onnx.proto` does not say. */

/** TensorProto.DataType. */
export const tensorDataType = { float32: 1, uint8: 2, int32: 6, int64: 7, bool: 9, float16: 10 } as const;

/** TensorProto.DataLocation. */
export const dataLocation = { inModel: 0, external: 1 } as const;

/** AttributeProto.AttributeType. */
export const attributeType = { float: 1, int: 2, string: 3, floats: 6, ints: 7, strings: 8 } as const;
