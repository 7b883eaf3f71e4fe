/** A program as a graph: its nodes in order, its named inputs and outputs; the verifier and the printer. */

import { isSymbol, printDimension, type SymbolicDimension, symbolsOf } from "./dimension.ts";
import { printType, sameShape, type TensorType } from "./shape.ts";
import type { AttributeValue, Node, Tensor } from "./tensor.ts";

export interface Graph {
  readonly name: string;
  /** The inputs in the order in which they are first used. */
  readonly inputs: readonly Tensor[];
  /** Every node that an output needs, inputs included, each after the nodes it uses. */
  readonly nodes: readonly Node[];
  readonly outputs: ReadonlyMap<string, Tensor>;
}

/** Collects what the outputs need, simplifies and verifies it. */
export function graph(name: string, outputs: Readonly<Record<string, Tensor>>): Graph {
  const simple = simplified(outputs);
  const nodes = topological([...simple.values()]);
  const inputs = nodes.filter((node) => node.operator.name === "input").flatMap((node) => node.outputs);
  const traced = { name, inputs, nodes, outputs: simple };
  verify(traced);
  return traced;
}

/** What a program computes in place of the outputs: see `simplify` of operators. */
function simplified(outputs: Readonly<Record<string, Tensor>>): ReadonlyMap<string, Tensor> {
  const found = new Map<Tensor, Tensor>();
  const inPlaceOf = (tensor: Tensor) => found.get(tensor) ?? tensor;
  for (const node of topological(Object.values(outputs))) {
    const simple = node.simplified(node.inputs.map(inPlaceOf));
    for (const output of node.outputs) {
      found.set(output, output.index === 0 ? simple : (simple.node.outputs[output.index] ?? output));
    }
  }
  return new Map(Object.entries(outputs).map(([name, output]) => [name, inPlaceOf(output)]));
}

/** The name of a graph's input. */
export function inputName(tensor: Tensor): string {
  const { name } = tensor.node.attributes;
  if (tensor.node.operator.name !== "input" || typeof name !== "string") {
    throw new Error(`internal: ${tensor.node.operator.name} is not an input`);
  }
  return name;
}

/** The nodes that some tensors need, each after the nodes it uses. Iterative, as graphs are deeper than the call stack. */
export function topological(tensors: readonly Tensor[]): Node[] {
  const order: Node[] = [];
  const seen = new Set<Node>();
  const stack: { node: Node; next: number }[] = [];
  const visit = (node: Node) => {
    if (seen.has(node)) return;
    seen.add(node);
    stack.push({ node, next: 0 });
  };
  for (const { node: root } of tensors) {
    visit(root);
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const input = top.node.inputs[top.next++];
      if (input !== undefined) visit(input.node);
      else {
        order.push(top.node);
        stack.pop();
      }
    }
  }
  return order;
}

/**
 * Checks a graph before ONNX Runtime sees it, so that an error names our operator and shapes: every type is what its
 * operator's rule says, every value is defined before it is used, names of inputs and outputs are unique, and every
 * symbolic dimension can be read off an input.
 */
export function verify({ name, nodes, inputs, outputs }: Graph): void {
  const fail = (problem: string): never => {
    throw new Error(`internal: graph "${name}": ${problem}`);
  };
  if (outputs.size === 0) fail("it has no outputs");
  const defined = new Set<Tensor>();
  const known = new Set(inputs.flatMap(({ shape }) => shape.flatMap((size) => (isSymbol(size) ? [size.text] : []))));
  /** Dimensions whose symbols are all known. */
  const given = new Set<string>();
  for (const node of nodes) {
    const operator = node.operator.name;
    for (const input of node.inputs) {
      if (!defined.has(input)) fail(`${operator} uses a ${printType(input)} that is not computed before it`);
    }
    const types = node.infer();
    const asked = Object.values(node.attributes).flatMap((value) => (typeof value === "object" ? value : []));
    node.outputs.forEach((output, index) => {
      const type = types[index];
      if (type === undefined || !sameType(type, output)) {
        fail(`${operator} gives ${type === undefined ? "nothing" : printType(type)}, not ${printType(output)}`);
      }
      for (const size of [...output.shape, ...asked]) {
        if (typeof size === "number" || given.has(size.text)) continue;
        for (const unknown of symbolsIn(size).filter((text) => !known.has(text))) {
          fail(`${operator} has the dimension ${unknown} in ${printType(output)}, which no input gives`);
        }
        given.add(size.text);
      }
      defined.add(output);
    });
  }
  const names = new Set<string>();
  for (const input of inputs) {
    const own = inputName(input);
    if (names.has(own)) fail(`two inputs are named "${own}"`);
    names.add(own);
  }
  for (const [own, output] of outputs) {
    if (!defined.has(output)) fail(`the output "${own}" is not computed`);
    if (names.has(own)) fail(`an input and an output are named "${own}"`);
  }
}

/** The graph as text, a line a node: what tests pin and people read. */
export function printGraph({ name, inputs, nodes, outputs }: Graph): string {
  const names = new Map<Tensor, string>(inputs.map((input) => [input, inputName(input)]));
  const lines = [`${name}(${inputs.map((input) => `${inputName(input)}: ${printType(input)}`).join(", ")})`];
  for (const node of nodes) {
    if (node.operator.name === "input") continue;
    if (node.operator.name === "constant") {
      for (const output of node.outputs) names.set(output, String(node.attributes["value"]));
      continue;
    }
    const [first] = node.outputs;
    if (first === undefined) continue;
    const label = `%${lines.length}`;
    node.outputs.forEach((output, index) => {
      names.set(output, index === 0 ? label : `${label}.${index}`);
    });
    const given = node.inputs.map((input) => names.get(input) ?? "?").join(", ");
    lines.push(`  ${label} = ${node.operator.name}(${given})${printAttributes(node)}: ${printType(first)}`);
  }
  for (const [own, output] of outputs) lines.push(`  → ${own} = ${names.get(output) ?? "?"}`);
  return lines.join("\n");
}

function printAttributes(node: Node): string {
  const set = Object.entries(node.attributes).filter(([key, value]) => key !== "shape" && value !== false);
  const entries = set.map(([key, value]) => `${key}: ${printValue(value)}`);
  return entries.length === 0 ? "" : ` {${entries.join(", ")}}`;
}

function printValue(value: AttributeValue | undefined): string {
  if (typeof value !== "object") return String(value);
  return `[${value.map(printDimension).join(", ")}]`;
}

function sameType(a: TensorType, b: TensorType): boolean {
  return a.dtype === b.dtype && sameShape(a.shape, b.shape);
}

function symbolsIn(size: SymbolicDimension): string[] {
  return [...size.terms.keys()].flatMap(symbolsOf);
}
