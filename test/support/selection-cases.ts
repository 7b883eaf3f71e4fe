/** Applications of the operators that look among the columns of a row, with their float64 references. */

import { logSoftmax, pick, symbol, topK } from "../../src/tensor/index.ts";
import { type OperatorCase, operatorCase } from "./operator.ts";
import { at, generate, integers, normal, read, type Values, values } from "./values.ts";

const rowOf = (x: Values, row: number) => Array.from({ length: at(x.shape, 1) }, (_, column) => read(x, [row, column]));

/** The columns of a row, largest first, of equal ones the first first. */
const ranked = (row: readonly number[]) => row.map((value, column) => ({ value, column })).sort(byValue);

const byValue = (a: { value: number; column: number }, b: { value: number; column: number }) =>
  b.value - a.value || a.column - b.column;

function logSoftmaxCase(title: string, x: Values): OperatorCase {
  return operatorCase(
    "logSoftmax",
    title,
    { x },
    ({ x }) => logSoftmax(x),
    ({ x }) =>
      generate(x.shape, ([row = 0, column = 0]) => {
        const entries = rowOf(x, row);
        const largest = Math.max(...entries);
        const sum = entries.reduce((total, entry) => total + Math.exp(entry - largest), 0);
        return at(entries, column) - largest - Math.log(sum);
      }),
  );
}

const topValuesCase = (title: string, x: Values, count: number): OperatorCase =>
  operatorCase(
    "topK",
    `values ${title}`,
    { x },
    ({ x }) => topK(x, count).values,
    ({ x }) => generate([at(x.shape, 0), count], ([row = 0, n = 0]) => ranked(rowOf(x, row))[n]?.value ?? Number.NaN),
  );

const topColumnsCase = (title: string, x: Values, count: number): OperatorCase =>
  operatorCase(
    "topK",
    `columns ${title}`,
    { x },
    ({ x }) => topK(x, count).columns,
    ({ x }) =>
      generate([at(x.shape, 0), count], ([row = 0, n = 0]) => ranked(rowOf(x, row))[n]?.column ?? Number.NaN, "int32"),
  );

export const selectionCases: readonly OperatorCase[] = [
  logSoftmaxCase("of [5, 7]", normal("logSoftmax", [5, 7], 3)),
  logSoftmaxCase("of large logits", values([2, 3], [1000, 1001, 999, -1000, -1001, -1003])),
  operatorCase(
    "pick",
    "of [5, 7]",
    { x: normal("pick", [5, 7]), columns: integers("pick", [5], 7) },
    ({ x, columns }) => pick(x, columns),
    ({ x, columns }) => generate([5], ([row = 0]) => read(x, [row, read(columns, [row])])),
  ),
  operatorCase(
    "pick",
    "of symbolic rows",
    { x: normal("pick", [3, 2]), columns: values([3], [1, 0, 1], "int32") },
    ({ x, columns }) => pick(x, columns),
    ({ x, columns }) => generate([3], ([row = 0]) => read(x, [row, read(columns, [row])])),
    { shapes: { x: [symbol("N"), 2], columns: [symbol("N")] } },
  ),
  topValuesCase("of [5, 7]", normal("topK", [5, 7]), 3),
  topValuesCase("of all of [3, 5]", normal("topK", [3, 5]), 5),
  topColumnsCase("of [5, 7]", normal("topK", [5, 7]), 3),
  topColumnsCase("of equal ones", values([2, 5], [1, 2, 2, 2, 0, 3, 3, 3, 3, 3]), 2),
];
