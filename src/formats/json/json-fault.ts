/** Where a text stops being JSON: `JSON.parse` of Node 20 does not always say. */

/** A scalar that is no string, or a sign. Both expressions are sticky, so that nothing is skipped. */
const TOKEN = /(-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)|[{}[\],:]/y;

/** A part of what stands between the quotes of a string; bounded, as the engine's stack is. */
const STRING_PART = /(?:[ !#-[\]-\uffff]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})){1,1000}/y;

/** The kinds of token that may begin a value: string, other scalar, object, array. */
const VALUE = '"0{[';

/**
 * The index in `text` of the first token that JSON does not allow there; the length of `text` where it only ends too
 * early, or is JSON after all.
 */
export function findJsonFault(text: string): number {
  const open: ("{" | "[")[] = [];
  let allowed = VALUE;
  let awaitsKey = false;
  let index = 0;
  for (;;) {
    while (index < text.length && " \t\n\r".includes(text.charAt(index))) index += 1;
    const token = tokenAt(text, index);
    if (token === undefined || !allowed.includes(token.kind)) return index;
    index += token.length;
    const { kind } = token;
    if (kind === "{" || kind === "[") {
      open.push(kind);
      awaitsKey = kind === "{";
      allowed = awaitsKey ? '"}' : `${VALUE}]`;
    } else if (kind === ",") {
      awaitsKey = open.at(-1) === "{";
      allowed = awaitsKey ? '"' : VALUE;
    } else if (kind === ":") {
      allowed = VALUE;
    } else if (awaitsKey && kind === '"') {
      awaitsKey = false;
      allowed = ":";
    } else {
      if (kind === "}" || kind === "]") open.pop();
      awaitsKey = false;
      allowed = afterValue(open.at(-1));
    }
  }
}

function afterValue(inside: "{" | "[" | undefined): string {
  if (inside === undefined) return "";
  return inside === "{" ? ",}" : ",]";
}

/** The token that begins at `index`: `kind` is `"` for a string, `0` for another scalar, else the sign itself. */
function tokenAt(text: string, index: number): { kind: string; length: number } | undefined {
  if (text[index] === '"') {
    let end = index + 1;
    for (STRING_PART.lastIndex = end; STRING_PART.test(text); ) end = STRING_PART.lastIndex;
    return text[end] === '"' ? { kind: '"', length: end + 1 - index } : undefined;
  }
  TOKEN.lastIndex = index;
  const match = TOKEN.exec(text);
  if (match === null) return undefined;
  const [token, scalar] = match;
  return { kind: scalar === undefined ? token : "0", length: token.length };
}
