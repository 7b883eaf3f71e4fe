/** Regular expressions of Oniguruma without what depends on its own tables or on flags for case: every character that matches is named. */

import {
  type AlternativeElementNode,
  type AlternativeNode,
  type CharacterClassElementNode,
  type CharacterClassNode,
  type CharacterNode,
  type CharacterSetNode,
  type GroupNode,
  type OnigurumaAst,
  parse,
  type QuantifierNode,
} from "oniguruma-parser/parser";
import { unsupported } from "./part.ts";

type RepeatableNode = QuantifierNode["body"];

/** The properties of word characters. */
const WORD = ["Alphabetic", "M", "Nd", "Pc"];

/** Oniguruma counts these as word characters too, but not in a class: ² ³ ¹ ¼ ½ ¾. */
const BARE_WORD = [0xb2, 0xb3, 0xb9, 0xbc, 0xbd, 0xbe];

/** What ASCII letters are the lower case of, besides the capital: the long s, and the sign of Kelvin. */
const RARE_CASES = new Map([
  ["s", 0x17f],
  ["k", 0x212a],
]);

/** Where case is ignored, Oniguruma takes these for one character too, as "ss" for "ß". */
const FOLDED = /ss|st|f[fil]/iu;

/** Ends a run of literal characters that are compared as one. */
const BREAK = "\n";

/**
 * The syntax of an expression, with characters in all of their cases instead of flags that ignore case.
 *
 * JavaScript's flag i has a whole expression ignore case, and properties too, as `\p{L}`, which Oniguruma leaves as they are.
 *
 * @throws UserError where its matches would not be the same.
 */
export function exactSyntax(source: string, place: string): OnigurumaAst {
  const ast = parse(source);
  const refuse = (feature: string) => {
    return unsupported(place, `${feature} in the regular expression ${JSON.stringify(source)}`);
  };
  return { ...ast, body: new ExactSyntax(refuse).alternatives(ast.body, false) };
}

class ExactSyntax {
  readonly #refuse: (feature: string) => Error;

  constructor(refuse: (feature: string) => Error) {
    this.#refuse = refuse;
  }

  alternatives(all: readonly AlternativeNode[], ignoresCase: boolean): AlternativeNode[] {
    const exact: AlternativeNode[] = [];
    for (const [index, { body }] of all.entries()) {
      const at = body.findIndex((element) => element.type === "Directive" && element.kind === "flags");
      const elements = at < 0 ? body : body.slice(0, at);
      if (ignoresCase && FOLDED.test(literalsOf(elements))) {
        throw this.#refuse("ignoring the case of several characters that can be one");
      }
      const alternative: AlternativeNode = {
        type: "Alternative",
        body: elements.map((element) => this.#element(element, ignoresCase)),
      };
      exact.push(alternative);
      const directive = body[at];
      if (directive?.type !== "Directive" || directive.kind !== "flags") continue;
      // Flags hold to the end of the group, over the alternatives too: `a(?i)b|c` is `a(?i:b|c)`.
      const rest: AlternativeNode = { type: "Alternative", body: body.slice(at + 1) };
      const group: GroupNode = { type: "Group", flags: directive.flags, body: [rest, ...all.slice(index + 1)] };
      alternative.body.push(this.#group(group, ignoresCase));
      break;
    }
    return exact;
  }

  #element(node: AlternativeElementNode, ignoresCase: boolean): AlternativeElementNode {
    switch (node.type) {
      case "LookaroundAssertion":
        return { ...node, body: this.alternatives(node.body, ignoresCase) };
      case "Assertion":
      case "Directive":
      case "NamedCallout":
        return node;
      default:
        return this.#repeatable(node, ignoresCase);
    }
  }

  #repeatable(node: RepeatableNode, ignoresCase: boolean): RepeatableNode {
    switch (node.type) {
      case "Character": {
        const cases = ignoresCase ? this.#casesOf(node) : [];
        return cases.length > 1 ? union(cases) : node;
      }
      case "CharacterClass":
        return ignoresCase ? this.#classOfCases(node) : classOf(node);
      case "CharacterSet":
        return node.kind === "word" ? word(node, [...WORD.map(property), ...BARE_WORD.map(character)]) : node;
      case "Group":
        return this.#group(node, ignoresCase);
      case "CapturingGroup":
        return { ...node, body: this.alternatives(node.body, ignoresCase) };
      case "Quantifier":
        return { ...node, body: this.#repeatable(node.body, ignoresCase) };
      default:
        return node;
    }
  }

  #group(node: GroupNode, ignoresCase: boolean): GroupNode {
    const { enable, disable } = node.flags ?? {};
    const ignores = disable?.ignoreCase !== true && (ignoresCase || enable?.ignoreCase === true);
    const body = this.alternatives(node.body, ignores);
    if (node.flags === undefined) return { ...node, body };
    // White space that the flag x leaves out is no part of the syntax any more.
    return { ...node, flags: { enable: dotAllOf(enable), disable: dotAllOf(disable) }, body };
  }

  /** A class with all cases of its characters. */
  #classOfCases(node: CharacterClassNode): CharacterClassNode {
    if (node.kind === "intersection") throw this.#refuse("ignoring case in an intersection of classes");
    const cases = new Map<number, CharacterNode>();
    const kept: CharacterClassElementNode[] = [];
    for (const element of node.body) {
      if (element.type === "Character") {
        for (const one of this.#casesOf(element)) cases.set(one.value, one);
      } else if (element.type === "CharacterClassRange") {
        kept.push(element);
        for (let value = element.min.value; value <= element.max.value; value++) {
          for (const one of this.#casesOf(character(value))) cases.set(one.value, one);
        }
      } else if (isSameInAnyCase(element, node.negate)) {
        kept.push(element);
      } else {
        // Oniguruma adds the cases to what all of the class comes to, and takes "ss" for a "ß" in it.
        throw this.#refuse("ignoring case in a class of more than single characters");
      }
    }
    return classOf({ ...node, body: [...kept, ...cases.values()] });
  }

  #casesOf({ value }: CharacterNode): CharacterNode[] {
    if (value > 0x7f) throw this.#refuse("ignoring the case of characters beyond ASCII");
    const letter = String.fromCodePoint(value);
    if (!/[a-z]/iu.test(letter)) return [character(value)];
    const lower = letter.toLowerCase();
    const all = [lower, letter.toUpperCase()].map((one) => one.charCodeAt(0));
    return [...all, ...[RARE_CASES.get(lower) ?? []].flat()].map(character);
  }
}

const dotAllOf = (flags: { dotAll?: true } = {}): { dotAll?: true } => (flags.dotAll === true ? { dotAll: true } : {});

/** The literal characters of a sequence, in runs that Oniguruma compares as one. */
function literalsOf(elements: readonly AlternativeElementNode[]): string {
  return elements
    .map((element): string => {
      if (element.type === "Character") return String.fromCodePoint(element.value);
      // A class of one character is that character.
      if (
        element.type === "CharacterClass" &&
        !element.negate &&
        element.kind === "union" &&
        element.body.length === 1
      ) {
        const [alone] = element.body;
        if (alone?.type === "Character") return String.fromCodePoint(alone.value);
      }
      if (element.type === "Quantifier" && element.min === 1 && element.max === 1) return literalsOf([element.body]);
      const [only, ...others] = element.type === "Group" && element.flags === undefined ? element.body : [];
      return only !== undefined && others.length === 0 ? literalsOf(only.body) : BREAK;
    })
    .join("");
}

/** Whether the characters of a class's element have no cases outside of it, and it has none that is folded to several. */
function isSameInAnyCase(element: CharacterClassElementNode, isNegated: boolean): boolean {
  if (element.type !== "CharacterSet" || element.negate === true) return false;
  return ["digit", "space", "hex"].includes(element.kind) || (element.kind === "word" && isNegated);
}

function classOf(node: CharacterClassNode): CharacterClassNode {
  const body = node.body.map((element) => {
    if (element.type === "CharacterClass") return classOf(element);
    if (element.type !== "CharacterSet") return element;
    // Brackets of POSIX are refused: what has their names here was written as a property.
    if (element.kind === "posix") return { ...element, kind: "property" as const };
    return element.kind === "word" ? word(element, WORD.map(property)) : element;
  });
  return { ...node, body };
}

const word = ({ negate = false }: CharacterSetNode, body: CharacterClassElementNode[]) => ({ ...union(body), negate });

const union = (body: CharacterClassElementNode[]): CharacterClassNode => {
  return { type: "CharacterClass", kind: "union", negate: false, body };
};

const character = (value: number): CharacterNode => ({ type: "Character", value });

const property = (value: string): CharacterSetNode => ({
  type: "CharacterSet",
  kind: "property",
  value,
  negate: false,
});
