/** Emission: a graph as an ONNX model. */

import { create, toBinary } from "@bufbuild/protobuf";
import { UserError } from "../errors.ts";
import { type Dimension, printDimension, sameDimension, symbolsOf, termsOf } from "./dimension.ts";
import { type ExternalConstant, FrozenConstants, type FrozenInput, type Placement } from "./frozen.ts";
import { type Graph, inputName } from "./graph.ts";
import { type Lowering, lowerings, type Target, targets } from "./lowering.ts";
import { attributeType, tensorDataType } from "./onnx-format/enumerations.ts";
import {
  AttributeProtoSchema,
  GraphProtoSchema,
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  type TensorProto,
  TensorProtoSchema,
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  type TypeProto,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from "./onnx-format/onnx_pb.ts";
import { checkNumber, type DataType, printType, type Shape, type TensorType } from "./shape.ts";
import {
  type Emitter,
  type Node,
  type OnnxAttributes,
  type OnnxNodeOptions,
  type Precision,
  precisions,
  type Tensor,
} from "./tensor.ts";

/**
 * The operator set emitted, and the version of the file format that goes with it. ONNX Runtime's WebGPU has no sine and cosine
 * of set 22 and leaves these to the CPU, as is wanted: those of set 21 are off by up to 2e-4 near zero, and
 * WGSL promises less beyond π.
 */
const OPSET = 22;
const IR_VERSION = 10n;

/** Nodes that draw numbers: of two equal ones, each draws its own. */
const drawing: ReadonlySet<string> = new Set([
  "Bernoulli",
  "Dropout",
  "Multinomial",
  "RandomNormal",
  "RandomNormalLike",
  "RandomUniform",
  "RandomUniformLike",
]);

/**
 * The graph as the bytes of an ONNX model. Its inputs and outputs have the graph's names. Any target can run it, but ONNX
 * Runtime moves to the CPU, with what they read and write, the operators that a provider lacks.
 */
export function emitOnnx(graph: Graph, target: Target = "cpu"): Uint8Array {
  return emitWith(graph, { target }).model;
}

export interface EmitOptions {
  /** What the model is emitted for. Default: cpu. */
  readonly target?: Target;
  /** The precision of matrix products. Default: float32. */
  readonly products?: Precision;
  /** Inputs that become constants, whose bytes lie outside of the model. Default: none. */
  readonly frozen?: ReadonlyMap<string, FrozenInput>;
  /** The place where each of them lies. Default: in a file of its own, named as its path. */
  readonly place?: Placement;
}

/** `emitOnnx` for another target, with products in another precision, or with frozen inputs. */
export function emitWith(
  graph: Graph,
  { target = "cpu", products = "float32", frozen: inputs = new Map(), place = inOwnFile }: EmitOptions,
): { readonly model: Uint8Array; readonly external: readonly ExternalConstant[] } {
  checkOption("target", target, targets);
  checkOption("precision of products", products, precisions);
  const frozen = new FrozenConstants(inputs, place);
  const emitter = new GraphEmitter(graph, { target, products }, frozen);
  const names = new Map<Tensor, string>();
  const values = new Map<string, TensorType>();
  for (const node of graph.nodes) {
    const given = node.inputs.map((input) => known(names, input));
    const emitted = emitter.operator(node, given);
    node.outputs.forEach((output, index) => {
      const name = emitted[index];
      if (name === undefined) throw new Error(`internal: ${node.operator.name} emitted no output ${index}`);
      names.set(output, name);
      values.set(name, output);
    });
  }
  for (const [name, output] of graph.outputs) emitter.output(name, known(names, output));
  for (const proto of emitter.protos) for (const name of proto.input) frozen.use(name);
  const given = graph.inputs.filter((input) => !frozen.has(inputName(input)));
  const usesMicrosofts = emitter.protos.some(({ domain }) => domain !== "");
  const model = create(ModelProtoSchema, {
    irVersion: IR_VERSION,
    producerName: "tokenformer",
    opsetImport: [
      create(OperatorSetIdProtoSchema, { domain: "", version: BigInt(OPSET) }),
      ...(usesMicrosofts ? [create(OperatorSetIdProtoSchema, { domain: "com.microsoft", version: 1n })] : []),
    ],
    graph: create(GraphProtoSchema, {
      name: graph.name,
      node: emitter.protos,
      initializer: [...emitter.constants.values(), ...frozen.protos],
      input: given.map((input) => valueInfo(inputName(input), input)),
      output: [...graph.outputs].map(([name, output]) => valueInfo(name, output)),
      valueInfo: emitter.lowering.knownSizes ? sizesOf(emitter.protos, values) : [],
    }),
  });
  return { model: toBinary(ModelProtoSchema, model), external: frozen.constants };
}

function checkOption<Name extends string>(what: string, given: Name, known: readonly Name[]): void {
  if (!known.includes(given)) throw new UserError(`the ${what} "${given}": expected one of ${known.join(", ")}`);
}

/**
 * The types of the values that nodes compute. Of sizes that follow from symbols ONNX Runtime infers few, and where it does not know
 * that two are equal, planning its memory takes time quadratic in the nodes.
 */
function sizesOf(nodes: readonly NodeProto[], values: ReadonlyMap<string, TensorType>): ValueInfoProto[] {
  // Many values are of few types.
  const types = new Map<string, TypeProto>();
  const typeOf = (type: TensorType) => {
    const text = printType(type);
    const proto = types.get(text) ?? typeProto(type);
    types.set(text, proto);
    return proto;
  };
  return nodes.flatMap(({ output }) =>
    output.flatMap((name) => {
      const type = values.get(name);
      return type === undefined ? [] : [create(ValueInfoProtoSchema, { name, type: typeOf(type) })];
    }),
  );
}

const inOwnFile: Placement = ({ path }) => ({ location: path, offset: 0 });

class GraphEmitter implements Emitter {
  readonly target: Target;
  readonly lowering: Lowering;
  readonly products: Precision;
  readonly protos: NodeProto[] = [];
  readonly constants = new Map<string, TensorProto>();
  readonly #inputs: readonly Tensor[];
  /** The names of inputs and outputs, which nothing else may have. */
  readonly #taken: ReadonlySet<string>;
  readonly #frozen: FrozenConstants;
  readonly #needed: ReadonlySet<Tensor>;
  readonly #dimensions = new Map<string, string>();
  readonly #shapes = new Map<string, string>();
  readonly #halves = new Map<string, string>();
  readonly #nodes = new Map<string, readonly string[]>();
  #operator = "";
  #count = 0;

  constructor(graph: Graph, { target, products }: Pick<Emitter, "target" | "products">, frozen: FrozenConstants) {
    this.target = target;
    this.lowering = lowerings[target];
    this.products = products;
    this.#inputs = graph.inputs;
    this.#taken = new Set([...graph.inputs.map(inputName), ...graph.outputs.keys()]);
    this.#frozen = frozen;
    this.#needed = new Set([...graph.outputs.values(), ...graph.nodes.flatMap(({ inputs }) => inputs)]);
  }

  /** Writes the nodes of an operator. By its name, too, ONNX Runtime's messages and profiles call them. */
  operator(node: Node, inputs: readonly string[]): readonly string[] {
    this.#operator = node.operator.name;
    return node.emit(this, inputs);
  }

  node(type: string, inputs: readonly string[], attributes: OnnxAttributes = {}, options: OnnxNodeOptions = {}) {
    const [output = ""] = this.#computed(type, inputs, 1, attributes, options);
    return output;
  }

  nodes(type: string, inputs: readonly string[], outputs: number, attributes: OnnxAttributes = {}) {
    return [...this.#computed(type, inputs, outputs, attributes, {})];
  }

  scalar(value: number, dtype: DataType) {
    return this.#constant(`${dtype}(${exactText(value)})`, dtype, [value], []);
  }

  integers(values: readonly number[]) {
    return this.#constant(`int64[${values.map(exactText)}]`, "int64", values, [values.length]);
  }

  floats(values: readonly number[]) {
    return this.#constant(`float32[${values.map(exactText)}]`, "float32", values, [values.length]);
  }

  shape(shape: Shape) {
    const [only] = shape;
    if (shape.length === 1 && only !== undefined) return this.#dimension(only);
    if (isStatic(shape)) return this.integers(shape);
    return this.#once(this.#shapes, shape.map(printDimension).join(", "), () =>
      this.node(
        "Concat",
        shape.map((size) => this.#dimension(size)),
        { axis: { int: 0 } },
      ),
    );
  }

  reshape(from: Shape, to: Shape) {
    // 0 takes the size of the same axis of the input, -1 takes what is left.
    const sizes = to.map((size, axis) => {
      if (typeof size === "number") return size === 0 ? undefined : size;
      const same = from[axis];
      return same !== undefined && sameDimension(same, size) ? 0 : undefined;
    });
    if (sizes.filter((size) => size === undefined).length > 1) return this.shape(to);
    return this.integers(sizes.map((size) => size ?? -1));
  }

  half(name: string) {
    return this.#once(this.#halves, name, () => this.node("Cast", [name], { to: { int: tensorDataType.float16 } }));
  }

  needs(tensor: Tensor) {
    return this.#needed.has(tensor);
  }

  quantized(name: string, transposed: boolean) {
    return this.#frozen.quantized(name, transposed);
  }

  /** Gives a graph output its name. */
  output(name: string, value: string) {
    this.#operator = "output";
    this.#add("Identity", [value], [name], {}, {});
  }

  /** The outputs of a node: of an equal one that draws nothing where there is one, such as the mask of another layer. */
  #computed(
    type: string,
    inputs: readonly string[],
    outputs: number,
    attributes: OnnxAttributes,
    options: OnnxNodeOptions,
  ): readonly string[] {
    const key = `${type} ${outputs} ${options.domain} ${JSON.stringify(inputs)} ${exactAttributes(attributes)}`;
    const equal = drawing.has(type) ? undefined : this.#nodes.get(key);
    if (equal !== undefined) return equal;
    const names = Array.from({ length: outputs }, () => this.#fresh(type));
    this.#add(type, inputs, names, attributes, options);
    this.#nodes.set(key, names);
    return names;
  }

  #fresh(type: string): string {
    return this.#untaken(`${type}_${this.#count++}`);
  }

  #untaken(name: string): string {
    return this.#taken.has(name) ? this.#untaken(`${name}_`) : name;
  }

  #add(
    type: string,
    inputs: readonly string[],
    outputs: string[],
    attributes: OnnxAttributes,
    options: OnnxNodeOptions,
  ) {
    this.protos.push(
      create(NodeProtoSchema, {
        opType: type,
        domain: options.domain ?? "",
        name: `${this.#operator}/${outputs[0] ?? type}`,
        input: [...inputs],
        output: outputs,
        attribute: Object.entries(attributes).map(([name, value]) => attribute(name, value)),
      }),
    );
  }

  #constant(key: string, dtype: DataType, values: readonly number[], dims: readonly number[]): string {
    const name = this.#untaken(key);
    if (!this.constants.has(name)) {
      for (const value of values) checkNumber(value, dtype, `${this.#operator}: `);
      this.constants.set(
        name,
        create(TensorProtoSchema, {
          name,
          dataType: tensorDataType[dtype],
          dims: dims.map(BigInt),
          rawData: littleEndian(dtype, values),
        }),
      );
    }
    return name;
  }

  /** A dimension as an int64 vector of length 1: read off an input's shape where it is a symbol. */
  #dimension(size: Dimension): string {
    if (typeof size === "number") return this.integers([size]);
    return this.#once(this.#dimensions, size.text, () => {
      const terms = [...termsOf(size)].map(([monomial, coefficient]) => {
        const factors = symbolsOf(monomial).map((name) => this.#symbol(name));
        if (coefficient !== 1 || factors.length === 0) factors.push(this.integers([coefficient]));
        return factors.reduce((product, factor) => this.node("Mul", [product, factor]));
      });
      return terms.reduce((total, term) => this.node("Add", [total, term]));
    });
  }

  #symbol(name: string): string {
    return this.#once(this.#dimensions, name, () => {
      for (const input of this.#inputs) {
        const axis = input.shape.findIndex((size) => printDimension(size) === name);
        const size = axis < 0 ? undefined : this.#frozen.shape(inputName(input))?.[axis];
        if (size !== undefined) return this.integers([size]);
        if (axis >= 0) return this.node("Shape", [inputName(input)], { start: { int: axis }, end: { int: axis + 1 } });
      }
      throw new Error(`internal: no input has the dimension ${name}`);
    });
  }

  #once(cache: Map<string, string>, key: string, emit: () => string): string {
    const value = cache.get(key) ?? emit();
    cache.set(key, value);
    return value;
  }
}

function attribute(name: string, value: OnnxAttributes[string]) {
  if (typeof value === "number") return create(AttributeProtoSchema, { name, type: attributeType.float, f: value });
  if (typeof value === "string") {
    return create(AttributeProtoSchema, { name, type: attributeType.string, s: new TextEncoder().encode(value) });
  }
  if ("int" in value) return create(AttributeProtoSchema, { name, type: attributeType.int, i: BigInt(value.int) });
  return create(AttributeProtoSchema, { name, type: attributeType.ints, ints: value.map(BigInt) });
}

function valueInfo(name: string, type: TensorType): ValueInfoProto {
  return create(ValueInfoProtoSchema, { name, type: typeProto(type) });
}

function typeProto({ dtype, shape }: TensorType): TypeProto {
  const dim = shape.map((size) =>
    create(TensorShapeProto_DimensionSchema, {
      value:
        typeof size === "number"
          ? { case: "dimValue", value: BigInt(size) }
          : { case: "dimParam", value: printDimension(size) },
    }),
  );
  const tensorType = create(TypeProto_TensorSchema, {
    elemType: tensorDataType[dtype],
    shape: create(TensorShapeProtoSchema, { dim }),
  });
  return create(TypeProtoSchema, { value: { case: "tensorType", value: tensorType } });
}

function littleEndian(dtype: DataType, values: readonly number[]): Uint8Array<ArrayBuffer> {
  const size = { float32: 4, int32: 4, int64: 8, bool: 1 }[dtype];
  const view = new DataView(new ArrayBuffer(values.length * size));
  values.forEach((value, index) => {
    if (dtype === "float32") view.setFloat32(4 * index, value, true);
    else if (dtype === "int32") view.setInt32(4 * index, value, true);
    else if (dtype === "int64") view.setBigInt64(8 * index, BigInt(value), true);
    else view.setUint8(index, value);
  });
  return new Uint8Array(view.buffer);
}

/** A number as no other is written. */
const exactText = (value: number): string => (Object.is(value, -0) ? "-0" : String(value));

/** Attributes as no others are written: JSON knows neither -0 nor what is not finite. */
function exactAttributes(attributes: OnnxAttributes): string {
  const written = Object.entries(attributes).map(([name, value]) => {
    if (typeof value === "number") return `${name}:${exactText(value)}`;
    if (typeof value === "string") return `${name}:${JSON.stringify(value)}`;
    return `${name}:${"int" in value ? `i${exactText(value.int)}` : `[${value.map(exactText)}]`}`;
  });
  return written.join();
}

function isStatic(shape: Shape): shape is readonly number[] {
  return shape.every((size) => typeof size === "number");
}

function known(names: ReadonlyMap<Tensor, string>, tensor: Tensor): string {
  const name = names.get(tensor);
  if (name === undefined) throw new Error("internal: a value is emitted before it is computed");
  return name;
}
