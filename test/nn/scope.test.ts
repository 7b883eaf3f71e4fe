import { expect, it } from "vitest";
import { DROPOUT_FIRST, DROPOUT_SEED, normal, Scope, zeros } from "../../src/nn/index.ts";
import { exp, graph, input, neg } from "../../src/tensor/index.ts";

it("names parameters by their path, in the order in which they are asked for", () => {
  const root = Scope.root({ training: false });
  const block = root.within("blocks.0");
  block.within("query").parameter("keys", [7, 5], normal(0.02));
  root.parameter("scale", [5], zeros, 0.25);
  expect(root.parameters).toEqual([
    { name: "blocks.0.query.keys", shape: [7, 5], initial: { kind: "normal", deviation: 0.02 }, rate: 1 },
    { name: "scale", shape: [5], initial: { kind: "constant", value: 0 }, rate: 0.25 },
  ]);
  expect(root.parameterTensors).toHaveLength(2);
  expect([root.path("x"), block.path("x")]).toEqual(["x", "blocks.0.x"]);
});

it("shares what is asked for twice", () => {
  const scope = Scope.root({ training: true });
  const inner = scope.within("inner");
  expect(inner.parameter("w", [3], zeros)).toBe(scope.parameter("inner.w", [3], zeros));
  expect(inner.given("tau")).toBe(scope.given("inner.tau"));
  expect(inner.given("tau")).not.toBe(scope.given("tau"));
  expect(inner.global("seed", [], "int32")).toBe(scope.given("seed", [], "int32"));
  expect(scope.parameters).toHaveLength(1);
});

it("refuses to share a parameter that is asked for unlike the first time", () => {
  const scope = Scope.root({ training: true });
  scope.parameter("w", [3, 5], normal(0.02));
  expect(() => scope.parameter("w", [5, 3], normal(0.02))).toThrowErrorMatchingInlineSnapshot(
    `[Error: parameter("w"): is asked for as float32[5, 3] of N(0, 0.02), and was as float32[3, 5] of N(0, 0.02); ask alike, or choose another name]`,
  );
  expect(() => scope.parameter("w", [3, 5], zeros)).toThrow("is asked for as float32[3, 5] of all 0, and was as");
  expect(() => scope.parameter("w", [3, 5], normal(0.02), 6)).toThrow("of N(0, 0.02) at 6 times the rate, and was as");
  expect(() => scope.parameter("w", [3, 5], normal(0.02), ([rows = 0]) => rows)).toThrow("at 3 times the rate");
  expect(() => scope.parameter("w", [3, 5], normal(0.02), ([rows = 0]) => rows - 2)).not.toThrow();
});

it("gives each caller another number", () => {
  const scope = Scope.root({ training: true });
  expect([scope.unique(), scope.within("a").unique(), scope.unique()]).toEqual([0, 1, 2]);
});

it("refuses a parameter with the name of another input of the programs", () => {
  const scope = Scope.root({ training: true });
  expect(() => scope.parameter("tokens", [3], zeros)).toThrowErrorMatchingInlineSnapshot(
    `[Error: parameter("tokens"): the programs of a model have an input or an output of that name; choose another]`,
  );
  expect(() => scope.within("embedding").parameter("tokens", [3], zeros)).not.toThrow();
  for (const name of ["last", "logits", "loss", "rows", DROPOUT_SEED, DROPOUT_FIRST]) {
    expect(() => scope.parameter(name, [3], zeros), name).toThrow("have an input or an output of that name");
  }
  expect(() => scope.parameter("score:next", [3], zeros)).toThrow(
    'parameter("score:next"): a colon is in names that the programs of a model choose themselves; leave it out',
  );
});

it("keeps what is recorded by its path, the last where a layer is used twice, and out of programs that do not ask", () => {
  const scope = Scope.root({ training: false });
  const x = input("x", [3]);
  const [first, last] = [exp(x), exp(x)];
  scope.within("layer").record("weights", first);
  scope.within("layer").record("weights", last);
  expect([...scope.records]).toEqual([["layer.weights", last]]);
  expect(scope.records.get("layer.weights")).toBe(last);
  expect(graph("program", { y: neg(x) }).nodes).not.toContain(last.node);
});
