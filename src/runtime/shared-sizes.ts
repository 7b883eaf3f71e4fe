/** The sizes that inputs of a program share by their symbols: ONNX Runtime takes any, and repeats one row where there should be more. */

import { type Dimension, evaluateDimension, type Graph, inputName, isSymbol } from "../tensor/index.ts";

type Shapes = Readonly<Record<string, { readonly shape: readonly number[] }>>;

/** An axis of an input whose size is not known before the program runs. */
interface Axis {
  readonly input: string;
  readonly axis: number;
  readonly size: Exclude<Dimension, number>;
}

/**
 * Makes a function that throws if inputs differ in a size that they share.
 * @param frozen inputs that became part of the program
 */
export function sharedSizes({ name: program, inputs }: Graph, frozen: Shapes): (given: Shapes) => void {
  const axes = inputs.flatMap((input) =>
    input.shape.flatMap((size, axis): Axis[] =>
      typeof size === "number" ? [] : [{ input: inputName(input), axis, size }],
    ),
  );
  const symbols = axes.filter(({ size }) => isSymbol(size));
  // Those that follow from symbols, once these are known.
  const others = axes.filter(({ size }) => !isSymbol(size));
  return (given) => {
    const sizes = new Map<string, number>();
    const sizeOf = ({ input, axis }: Axis) => (given[input] ?? frozen[input])?.shape[axis];
    for (const own of symbols) {
      const [found, expected] = [sizeOf(own), sizes.get(own.size.text)];
      if (found === undefined || found === expected) continue;
      if (expected !== undefined) throw refused(program, own, found, expected, symbols);
      sizes.set(own.size.text, found);
    }
    for (const own of others) {
      const [found, expected] = [sizeOf(own), evaluateDimension(own.size, sizes)];
      if (found !== undefined && found !== expected) throw refused(program, own, found, expected, symbols);
    }
  };
}

function refused(
  program: string,
  { input, axis, size }: Axis,
  found: number,
  expected: number,
  symbols: readonly Axis[],
) {
  const first = symbols.find((other) => other.size.text === size.text);
  const as = first === undefined ? "" : ` as in axis ${first.axis} of ${first.input}`;
  return new Error(
    `${program}: the input ${input} has ${found} in axis ${axis}, expected ${expected}, which is ${size.text}${as}`,
  );
}
