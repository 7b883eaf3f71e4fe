/**
 * Symbolic tensors and the record that declares an operator.
 *
 * A tensor is the output of a node; a node applies an operator to tensors. Nothing is computed here: a program is built of
 * the tensors that are wanted (`graph.ts`), differentiated (`gradients.ts`) and emitted as ONNX (`onnx.ts`).
 */

import type { Lowering, Target } from "./lowering.ts";
import { checkSizes, type DataType, printType, type Shape, type TensorType } from "./shape.ts";

/** Attribute values that can be printed and compared. */
export type AttributeValue = string | number | boolean | Shape | readonly number[];

/** The attributes of an operator, by name. */
export type Attributes = Readonly<Record<string, AttributeValue | undefined>>;

export type NoAttributes = Readonly<Record<never, never>>;

/** How many inputs an operator takes: a fixed number, or any. */
export type Arity = 0 | 1 | 2 | 3 | "any";

export type Inputs<Item, Count extends Arity> = {
  0: readonly [];
  1: readonly [Item];
  2: readonly [Item, Item];
  3: readonly [Item, Item, Item];
  any: readonly Item[];
}[Count];

/** What a gradient rule may use: the node's inputs, its output, and the further results that it saved for this. */
export interface GradientContext<Attrs extends Attributes, Count extends Arity> {
  readonly inputs: Inputs<Tensor, Count>;
  readonly output: Tensor;
  /** An auxiliary output by its number from 0. */
  saved(index: number): Tensor;
  readonly attributes: Attrs;
}

/** What the operands of matrix products, and the sums in them, are rounded to; all else is float32. */
export const precisions = ["float32", "float16"] as const;

export type Precision = (typeof precisions)[number];

/** Writes ONNX nodes; implemented in `onnx.ts`. Values are named by strings. */
export interface Emitter {
  /** What the graph is emitted for. */
  readonly target: Target;
  /** How the target writes what is not written alike everywhere. */
  readonly lowering: Lowering;
  readonly products: Precision;
  /** A float32 value in float16: converted once, however many products use it. */
  half(name: string): string;
  /** Whether the graph uses a tensor; if not, its name may be empty. */
  needs(tensor: Tensor): boolean;
  /** Adds a node with one output and returns its name. */
  node(type: string, inputs: readonly string[], attributes?: OnnxAttributes, options?: OnnxNodeOptions): string;
  /** Adds a node with several outputs and returns their names. */
  nodes(type: string, inputs: readonly string[], outputs: number, attributes?: OnnxAttributes): string[];
  /** A constant scalar. */
  scalar(value: number, dtype: DataType): string;
  /** A constant vector of int64, as ONNX takes for axes and shapes. */
  integers(values: readonly number[]): string;
  /** A constant vector of float32. */
  floats(values: readonly number[]): string;
  /** A shape as a vector of int64, computed from the graph's inputs where it is symbolic. */
  shape(shape: Shape): string;
  /** As `shape`, for the Reshape of a tensor of a known shape: "as in the input" and "the rest" need no computation. */
  reshape(from: Shape, to: Shape): string;
  /**
   * The quantised form of a product's weights [N, K], or of their transpose: names of constants. `undefined` where they are
   * not to be quantised.
   */
  quantized(name: string, transposed: boolean): QuantizedWeights | undefined;
}

/** Weights [N, K] in few bits: see ONNX Runtime's MatMulNBits. */
export interface QuantizedWeights {
  readonly codes: string;
  readonly scales: string;
  readonly n: number;
  readonly k: number;
  readonly bits: number;
  readonly block: number;
}

/** A number is a float; whole numbers are marked, as ONNX tells the two apart. A list is of whole numbers. */
export type OnnxAttributes = Readonly<Record<string, number | string | readonly number[] | { readonly int: number }>>;

export interface OnnxNodeOptions {
  /** The operator set. Default: ONNX's own. */
  readonly domain?: "com.microsoft";
}

/** Writes the ONNX nodes of an operator, and returns the name of the output, then of the saved values. */
export type OperatorLowering<Attrs extends Attributes, Count extends Arity> = (
  emitter: Emitter,
  inputs: Inputs<string, Count>,
  attributes: Attrs,
  types: { readonly inputs: Inputs<Tensor, Count>; readonly output: Tensor; readonly saved: readonly Tensor[] },
) => string | readonly string[];

/** One operator: everything the project knows of it. */
export interface Operator<Attrs extends Attributes = Attributes, Count extends Arity = Arity> {
  readonly name: string;
  /** One line: what it computes. */
  readonly doc: string;
  readonly arity: Count;
  /** Shape and dtype of the output, then of what is saved for the gradient. Throws if the inputs do not fit. */
  infer(inputs: Inputs<Tensor, Count>, attributes: Attrs): readonly [TensorType, ...TensorType[]];
  /** Writes the ONNX nodes. */
  readonly onnx: OperatorLowering<Attrs, Count>;
  /** Writes others for some targets. Default: the same for all. */
  readonly targets?: { readonly [Name in Target]?: OperatorLowering<Attrs, Count> };
  /**
   * The gradient of each input from that of the output, built of public operators; `undefined` where there is none. It has
   * the shape of the output or of the input: `gradients.ts` sums what was broadcast. "none": the operator has no gradient.
   */
  readonly gradient:
    | "none"
    | ((gradient: Tensor, context: GradientContext<Attrs, Count>) => Inputs<Tensor | undefined, Count>);
  /**
   * What a program computes in its place: the same numbers by less work; `undefined` where these inputs leave nothing to be saved.
   * Gradients do not see it, as it may pass over tensors whose gradients are wanted. For an operator without saved results. Default: itself.
   */
  readonly simplify?: (inputs: Inputs<Tensor, Count>, attributes: Attrs) => Tensor | undefined;
}

/** An operator applied to tensors. The operator's types are hidden behind functions that close over them. */
export interface Node {
  readonly operator: { readonly name: string; readonly doc: string };
  readonly attributes: Attributes;
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  /** Types by the operator's rule, computed anew: what the verifier compares with the outputs. */
  infer(): readonly TensorType[];
  /** What a program computes in place of the output, given what it computes in place of the inputs: often the output itself. */
  simplified(inputs: readonly Tensor[]): Tensor;
  emit(emitter: Emitter, inputs: readonly string[]): readonly string[];
  /** The gradients of the inputs. Throws for an operator without one. */
  gradient(gradient: Tensor): readonly (Tensor | undefined)[];
}

/** A value that a program computes or is given. */
export interface Tensor extends TensorType {
  readonly node: Node;
  /** The number of the output of the node. */
  readonly index: number;
}

/** Applies an operator. Throws an error that names the operator and the shapes it was given if they do not fit, or none comes of them. */
export function apply<Attrs extends Attributes, Count extends Arity>(
  operator: Operator<Attrs, Count>,
  attributes: Attrs,
  inputs: Inputs<Tensor, Count>,
): Tensor {
  const labelled = <Result>(rule: () => Result): Result => {
    try {
      return rule();
    } catch (error) {
      const given = inputs.map(printType).join(", ");
      throw new Error(`${operator.name}(${given}): ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  const infer = () =>
    labelled(() => {
      const types = operator.infer(inputs, attributes);
      for (const { shape } of types) checkSizes(shape);
      return types;
    });
  const outputs: Tensor[] = [];
  const output = (index: number): Tensor => {
    const tensor = outputs[index];
    if (tensor === undefined) throw new Error(`internal: ${operator.name} has no output ${index}`);
    return tensor;
  };
  const node: Node = {
    operator,
    attributes,
    inputs,
    outputs,
    infer,
    simplified: (others) => {
      // One for each input, so the tuple has the operator's arity.
      const given = others as Inputs<Tensor, Count>;
      const simple = operator.simplify?.(given, attributes);
      if (simple !== undefined) return simple;
      return given.every((tensor, place) => tensor === inputs[place]) ? output(0) : apply(operator, attributes, given);
    },
    emit: (emitter, names) => {
      // The graph hands over one name an input, so the tuple has the operator's arity.
      const lower = operator.targets?.[emitter.target] ?? operator.onnx;
      const emitted = lower(emitter, names as Inputs<string, Count>, attributes, {
        inputs,
        output: output(0),
        saved: outputs.slice(1),
      });
      return typeof emitted === "string" ? [emitted] : emitted;
    },
    gradient: (gradient) => {
      const rule = operator.gradient;
      if (rule === "none") {
        throw new Error(
          `${operator.name} has no gradient, and the loss depends on what learns through it; give it one, or take another operator`,
        );
      }
      const saved = (index: number) => output(index + 1);
      return labelled(() => rule(gradient, { inputs, output: output(0), saved, attributes }));
    },
  };
  outputs.push(...infer().map(({ dtype, shape }, index) => ({ dtype, shape, node, index })));
  return output(0);
}
