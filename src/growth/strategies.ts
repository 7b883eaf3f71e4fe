/** The strategies by name: those of the library, and those of one's own. */

import { UserError } from "../errors.ts";
import { isOwnName } from "../own-names.ts";
import { net2net } from "./net2net.ts";
import { type AnyModelStrategy, type AnyStrategy, type AnyTokenStrategy, ownStrategies } from "./strategy.ts";
import { random, split, zeroKey, zeroValue } from "./token-strategies.ts";

const builtIn: Readonly<Record<string, AnyStrategy>> = {
  "zero-key": zeroKey,
  "zero-value": zeroValue,
  split,
  random,
  net2net,
};

/** The strategy of a name. Throws a `UserError` where there is none. */
export function strategyOf(name: string): AnyStrategy {
  const found = Object.hasOwn(builtIn, name) ? builtIn[name] : undefined;
  if (found !== undefined) return found;
  if (isOwnName(name)) return ownStrategies.of(name);
  const known = Object.keys(builtIn).join(", ");
  throw new UserError(`growth plan: there is no strategy "${name}", expected one of ${known}`);
}

/** The strategy of a name that appends tokens. Throws a `UserError` where there is none. */
export function tokenStrategyOf(name: string): AnyTokenStrategy {
  const found = strategyOf(name);
  if (found.kind === "tokens") return found;
  throw new UserError(`growth plan: ${name} appends no parameter tokens; leave add out, or use another init`);
}

/** The strategy of a name that makes a whole model larger. Throws a `UserError` where there is none. */
export function modelStrategyOf(name: string): AnyModelStrategy {
  const found = strategyOf(name);
  if (found.kind === "model") return found;
  throw new UserError(`growth plan: ${name} appends parameter tokens; say where with add: { feedForward: "x2" }`);
}
