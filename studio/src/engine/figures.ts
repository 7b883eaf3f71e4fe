/** Layers small enough to see all of, for the page's story: the library's own, traced, differentiated and run as those of models are. */

import type { Device } from "tokenformer/browser";
import { pattention, Scope, zeros } from "tokenformer/nn";
import { gradients, graph, input, matmul, mean, mul, sub, symbol } from "tokenformer/tensor";
import type { SmallLayer, SmallLayerAnswer, SmallMatrix } from "./api.ts";

type Program = Awaited<ReturnType<Device["compile"]>>;

/** Channels that go into the token layer, and come out. */
const IN = 2;
const OUT = 1;

const DOWNLOADED = ["weights of tokens", "y", "error", "keys' gradient", "values' gradient"] as const;

/** Programs are compiled when they are first asked for. */
export class Figures {
  readonly #device: Device;
  #layer: Promise<Program> | undefined;
  #product: Promise<Program> | undefined;

  constructor(device: Device) {
    this.#device = device;
  }

  /** What a token layer answers, how far off that is, and where each of its numbers is pulled. */
  async layer({ inputs, wanted, tokens, tau }: SmallLayer): Promise<SmallLayerAnswer> {
    this.#layer ??= this.#compileLayer();
    const rows = inputs.length;
    const { values } = await (await this.#layer).run({
      x: floats([1, rows, IN], inputs.flat()),
      wanted: floats([1, rows, OUT], wanted),
      keys: floats(
        [tokens.length, IN],
        tokens.flatMap(({ key }) => key),
      ),
      values: floats(
        [tokens.length, OUT],
        tokens.map(({ value }) => value),
      ),
      tau: floats([], [tau]),
    });
    const [weights = [], outputs = [], [error = Number.NaN] = [], keys = [], pulls = []] = DOWNLOADED.map((name) =>
      Array.from(values[name]?.data ?? [], Number),
    );
    return {
      weights: inputs.map((_, row) => weights.slice(row * tokens.length, (row + 1) * tokens.length)),
      outputs,
      error,
      gradients: tokens.map((_, index) => ({
        key: [keys[IN * index] ?? 0, keys[IN * index + 1] ?? 0],
        value: pulls[index] ?? 0,
      })),
    };
  }

  /** What an ordinary layer answers: a row of numbers times a matrix. */
  async product({ row, matrix }: SmallMatrix): Promise<readonly number[]> {
    this.#product ??= this.#compileProduct();
    const { values } = await (await this.#product).run({
      x: floats([1, row.length], row),
      matrix: floats([matrix.length, matrix[0]?.length ?? 0], matrix.flat()),
    });
    return Array.from(values["y"]?.data ?? [], Number);
  }

  #compileLayer(): Promise<Program> {
    const rows = symbol("rows");
    const scope = Scope.root({ training: false });
    const start = { initial: zeros };
    const x = input("x", [1, rows, IN]);
    const y = pattention(scope, x, { width: OUT, activation: "l2_norm_gelu", keys: start, values: start });
    const miss = sub(y, input("wanted", [1, rows, OUT]));
    const error = mean(mul(miss, miss));
    const [keys, values] = gradients(error, scope.parameterTensors);
    const weights = scope.records.get("weights");
    if (keys === undefined || values === undefined || weights === undefined)
      throw new Error("internal: a token layer has keys, values and weights");
    const outputs = [weights, y, error, keys, values];
    const named = Object.fromEntries(outputs.map((tensor, index) => [DOWNLOADED[index] ?? "", tensor]));
    return this.#device.compile(graph("small layer", named), { download: DOWNLOADED });
  }

  #compileProduct(): Promise<Program> {
    const y = matmul(input("x", [1, symbol("inputs")]), input("matrix", [symbol("inputs"), symbol("outputs")]));
    return this.#device.compile(graph("small product", { y }), { download: ["y"] });
  }
}

const floats = (shape: readonly number[], data: readonly number[]) =>
  ({ dtype: "float32", shape, data: Float32Array.from(data) }) as const;
