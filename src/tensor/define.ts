/** Operators of one's own. */

import { UserError } from "../errors.ts";
import { isOwnName, type OwnName } from "../own-names.ts";
import { type Arity, type Attributes, apply, type Inputs, type Operator, type Tensor } from "./tensor.ts";

/** An operator of one's own: the record that those of the library have, under a name with a prefix of your own. */
export interface OwnOperator<Attrs extends Attributes, Count extends Arity> extends Operator<Attrs, Count> {
  /** The name, for example "mine:softplus". */
  readonly name: OwnName;
}

/**
 * Makes a function that applies an operator to tensors: `softplus([x], { sharpness: 2 })`. See `checkOperator` for its test.
 * @throws UserError for a name without a prefix
 */
export function defineOperator<Attrs extends Attributes, Count extends Arity>(
  operator: OwnOperator<Attrs, Count>,
): (inputs: Inputs<Tensor, Count>, attributes: Attrs) => Tensor {
  const { name } = operator;
  if (!isOwnName(name)) {
    throw new UserError(
      `the operator "${String(name)}": expected a name with a prefix of your own, such as "mine:${String(name)}"; names without one are the library's`,
    );
  }
  return (inputs, attributes) => apply(operator, attributes, inputs);
}
