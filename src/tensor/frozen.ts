/** Weights that become part of an emitted model: constants beside the file, plain or quantised for the products that use them. */

import { create } from "@bufbuild/protobuf";
import { dataLocation, tensorDataType } from "./onnx-format/enumerations.ts";
import { StringStringEntryProtoSchema, type TensorProto, TensorProtoSchema } from "./onnx-format/onnx_pb.ts";

/** Weights of a product in few bits: blocks of numbers of one row, with a scale for each block. */
export interface Quantization {
  readonly bits: 4 | 8;
  /** Numbers that share a scale: a power of two from 16. */
  readonly block: number;
}

/** An input that is to become a constant. */
export interface FrozenInput {
  readonly shape: readonly number[];
  /** How the products with it are computed. Default: in float32. */
  readonly quantization?: Quantization | undefined;
}

/**
 * A constant that lies outside of an emitted model, under a path. Either all bytes of a frozen input, or that input quantised:
 * `codes` uint8 [N, blocks, bytes of a block] and `scales` float32 [N, blocks] of a product's weights [N, K].
 */
export type ExternalConstant =
  | { readonly path: string; readonly input: string; readonly form: "plain" }
  | {
      readonly path: string;
      readonly input: string;
      readonly form: "codes" | "scales";
      readonly quantization: Quantization;
      /** Whether the input is [K, N], to be transposed first. */
      readonly transposed: boolean;
    };

/** The place of a constant of some bytes: a file beside the model, and the offset in it. */
export type Placement = (
  constant: ExternalConstant,
  bytes: number,
) => { readonly location: string; readonly offset: number };

/** The constants that an emission has used so far. */
export class FrozenConstants {
  readonly #inputs: ReadonlyMap<string, FrozenInput>;
  readonly #place: Placement;
  readonly #used = new Map<string, { readonly proto: TensorProto; readonly constant: ExternalConstant }>();

  constructor(inputs: ReadonlyMap<string, FrozenInput>, place: Placement) {
    this.#inputs = inputs;
    this.#place = place;
  }

  has(name: string): boolean {
    return this.#inputs.has(name);
  }

  /** The shape of a frozen input; `undefined` for others. */
  shape(name: string): readonly number[] | undefined {
    return this.#inputs.get(name)?.shape;
  }

  /** Marks a frozen input as used in float32. */
  use(name: string): void {
    const input = this.#inputs.get(name);
    if (input !== undefined) this.#add({ path: name, input: name, form: "plain" }, tensorDataType.float32, input.shape);
  }

  /**
   * The quantised form of the weights of a product, [N, K] or transposed [K, N]: the names of its constants. `undefined` for
   * what is not to be quantised.
   */
  quantized(name: string, transposed: boolean) {
    const input = this.#inputs.get(name);
    const quantization = input?.quantization;
    const [rows, columns] = input?.shape ?? [];
    if (quantization === undefined || rows === undefined || columns === undefined) return;
    const [n, k] = transposed ? [columns, rows] : [rows, columns];
    const { bits, block } = quantization;
    const blocks = Math.ceil(k / block);
    const [codes, scales] = [`${name}:codes`, `${name}:scales`];
    const common = { input: name, quantization, transposed };
    this.#add({ ...common, path: codes, form: "codes" }, tensorDataType.uint8, [n, blocks, (block * bits) / 8]);
    this.#add({ ...common, path: scales, form: "scales" }, tensorDataType.float32, [n, blocks]);
    return { codes, scales, n, k, bits, block };
  }

  get protos(): TensorProto[] {
    return [...this.#used.values()].map(({ proto }) => proto);
  }

  get constants(): ExternalConstant[] {
    return [...this.#used.values()].map(({ constant }) => constant);
  }

  #add(constant: ExternalConstant, dataType: number, dims: readonly number[]): void {
    const { path } = constant;
    if (this.#used.has(path)) return;
    const length = dims.reduce((product, size) => product * size, dataType === tensorDataType.float32 ? 4 : 1);
    const { location, offset } = this.#place(constant, length);
    const entries = { location, offset: String(offset), length: String(length) };
    const proto = create(TensorProtoSchema, {
      name: path,
      dataType,
      dims: dims.map(BigInt),
      dataLocation: dataLocation.external,
      externalData: Object.entries(entries).map(([key, value]) => create(StringStringEntryProtoSchema, { key, value })),
    });
    this.#used.set(path, { proto, constant });
  }
}
