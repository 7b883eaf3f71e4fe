import { expect, it } from "vitest";
import { embedding, layerNorm, linear, positionEmbedding, Scope } from "../../src/nn/index.ts";
import { input, symbol } from "../../src/tensor/index.ts";
import { run, useDevice } from "../support/device.ts";
import * as reference from "../support/reference.ts";
import { expectClose, integers, normal, type Values, values } from "../support/values.ts";

const device = useDevice();
const [B, T] = [symbol("B"), symbol("T")];
const x = normal("x", [2, 3, 5]);

const expectRows = (actual: Values, shape: readonly number[], rows: reference.Matrix) =>
  expectClose(actual, values(shape, rows.flat()), 2e-6);

it.each([true, false])("linear is x Wᵀ, and + b with bias %s", async (bias) => {
  const scope = Scope.root({ training: false });
  const y = linear(scope.within("up"), input("x", [B, T, 5]), { width: 7, bias });
  const [weight, offset] = [normal("weight", [7, 5]), normal("bias", [7])];
  const result = await run(device(), { y }, { x, "up.weight": weight, "up.bias": offset });
  const product = reference.timesTransposed(reference.matrix(x), reference.matrix(weight));
  expectRows(result.y, [2, 3, 7], bias ? reference.plus(product, reference.matrix(offset)) : product);
  expect(scope.parameters.map(({ name }) => name)).toEqual(bias ? ["up.weight", "up.bias"] : ["up.weight"]);
});

it("layerNorm normalises over the channels, then scales and shifts if it is parametric", async () => {
  const scope = Scope.root({ training: false });
  const given = input("x", [B, T, 5]);
  const plain = layerNorm(scope.within("plain"), given, { parametric: false });
  const scaled = layerNorm(scope.within("scaled"), given, { parametric: true });
  const [scale, bias] = [normal("scale", [5]), normal("bias", [5])];
  const result = await run(device(), { plain, scaled }, { x, "scaled.scale": scale, "scaled.bias": bias });
  expectRows(result.plain, [2, 3, 5], reference.layerNorm(reference.matrix(x)));
  expectRows(result.scaled, [2, 3, 5], reference.layerNorm(reference.matrix(x), scale.data, bias.data));
  expect(scope.parameters.map(({ name }) => name)).toEqual(["scaled.scale", "scaled.bias"]);
});

it("layerNorm of equal channels is 0", async () => {
  const y = layerNorm(Scope.root({ training: false }), input("x", [1, 1, 5]), { parametric: false });
  expectClose(
    (await run(device(), { y }, { x: values([1, 1, 5], [3, 3, 3, 3, 3]) })).y,
    values([1, 1, 5], [0, 0, 0, 0, 0]),
    0,
  );
});

it("embedding looks rows up, positionEmbedding takes the first rows", async () => {
  const scope = Scope.root({ training: false });
  const tokens = input("tokens", [B, T], "int32");
  const options = { vocabulary: 11, context: 13, width: 7 };
  const outputs = {
    looked: embedding(scope.within("table"), tokens, options),
    positions: positionEmbedding(scope.within("table"), tokens, options),
  };
  const [table, positions] = [normal("table", [11, 7]), normal("positions", [13, 7])];
  const ids = integers("ids", [2, 3], 11);
  const result = await run(device(), outputs, { tokens: ids, "table.tokens": table, "table.positions": positions });
  const rows = reference.matrix(table);
  expect(result.looked).toEqual(
    values(
      [2, 3, 7],
      ids.data.flatMap((id) => [...reference.item(rows, id)]),
    ),
  );
  expect(result.positions).toEqual(values([3, 7], positions.data.slice(0, 3 * 7)));
});
