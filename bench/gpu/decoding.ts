/** How fast a device writes, token by token, at the size of the preset 150m. */

import type { DeviceName } from "tokenformer";
import { ours } from "../decoding-sides.ts";
import { median } from "../measure.ts";

/** Tokens that are timed, after two that are not. */
const TOKENS = 32;

export interface DecodingSpeed {
  readonly context: number;
  readonly tokensPerSecond: number;
  readonly medianMilliseconds: number;
}

/** After a short and after a long text. */
export async function decodingOn(name: DeviceName, note: (line: string) => void): Promise<DecodingSpeed[]> {
  const side = await ours(name, undefined, name);
  const found: DecodingSpeed[] = [];
  for (const context of [64, 1920]) {
    await side.begin(context);
    await side.decode(2);
    const seconds = median(await side.decode(TOKENS));
    note(`  decoding after ${context} tokens: ${(1 / seconds).toFixed(1)} tokens a second`);
    found.push({ context, tokensPerSecond: 1 / seconds, medianMilliseconds: 1000 * seconds });
  }
  await side.close();
  return found;
}
