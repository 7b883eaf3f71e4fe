/** What can be told of the matches of a pattern without a text: which characters can stand side by side in one. */

import { generate } from "oniguruma-parser/generator";
import type { AlternativeElementNode, AlternativeNode, OnigurumaAst } from "oniguruma-parser/parser";
import { exactPattern, expressionOf, patternSource } from "./pattern.ts";

/** One place of an expression: the characters that can stand there. */
interface Place {
  has(character: string): boolean;
  /** Whether any character but white space and SentencePiece's mark of it can. */
  hasSolid(): boolean;
}

/** An expression or a part of it. Quantifiers stand for any number of times, so that more seems possible than is. */
interface Part {
  /** The places that its first and its last character can have. */
  readonly first: readonly Place[];
  readonly last: readonly Place[];
  /** Whether it matches nothing at all too. */
  readonly isNullable: boolean;
  /** Places that are a whole match, whatever stands beside. */
  readonly alone: readonly Place[];
  /** Whether it can be left out of every match of its surroundings. */
  readonly isOptional: boolean;
}

/** Two places that can follow one another. */
type Pair = readonly [Place, Place];

const EMPTY: Part = { first: [], last: [], isNullable: true, alone: [], isOptional: true };

/** What is known of all matches of a pattern. */
export class PatternShape {
  readonly #whole: Part;
  readonly #places: readonly Place[];
  readonly #pairs: readonly Pair[];

  constructor(whole: Part, places: readonly Place[], pairs: readonly Pair[]) {
    this.#whole = whole;
    this.#places = places;
    this.#pairs = pairs;
  }

  /** Whether a match, or a search for one, can go on to a character from one that is no white space. */
  goesOnTo(character: string): boolean {
    return this.#pairs.some(([left, right]) => right.has(character) && left.hasSolid());
  }

  /** Whether a match can begin with a character. */
  canBeginWith(character: string): boolean {
    return this.#whole.first.some((place) => place.has(character));
  }

  /** Whether a match begins with a character wherever none goes on to it. */
  alwaysBeginsWith(character: string): boolean {
    return this.#whole.alone.some((place) => place.has(character));
  }

  /** Whether a character can be in a match. */
  canHave(character: string): boolean {
    return this.#places.some((place) => place.has(character));
  }

  /** Whether a character that is no white space can be in a match. */
  canHaveSolid(): boolean {
    return this.#places.some((place) => place.hasSolid());
  }
}

/**
 * The shape of a pattern of a tokenizer.json. Nothing for one whose matches depend on what is before them, or can be empty, or that has
 * syntax of which nothing is known here.
 */
export function shapeOf(pattern: unknown, where: string): PatternShape | undefined {
  const source = patternSource(pattern, where);
  const ast = exactPattern(source, where);
  const reader = new ShapeReader(ast, where);
  const whole = reader.alternatives(ast.body);
  if (whole === undefined || whole.isNullable) return undefined;
  return new PatternShape(whole, reader.places, reader.pairs);
}

/** Finds the pairs of an expression from its syntax, as Glushkov's construction of an automaton does. */
class ShapeReader {
  readonly places: Place[] = [];
  readonly pairs: Pair[] = [];
  readonly #ast: OnigurumaAst;
  readonly #where: string;

  constructor(ast: OnigurumaAst, where: string) {
    this.#ast = ast;
    this.#where = where;
  }

  alternatives(all: readonly AlternativeNode[]): Part | undefined {
    const parts = all.map(({ body }) => this.#sequence(body)).filter((part) => part !== undefined);
    if (parts.length < all.length) return undefined;
    return {
      first: parts.flatMap(({ first }) => first),
      last: parts.flatMap(({ last }) => last),
      isNullable: parts.some(({ isNullable }) => isNullable),
      alone: parts.flatMap(({ alone }) => alone),
      isOptional: parts.some(({ isOptional }) => isOptional),
    };
  }

  #sequence(elements: readonly AlternativeElementNode[]): Part | undefined {
    let sequence: Part | undefined = EMPTY;
    for (const element of elements) {
      const part = this.#element(element);
      if (part === undefined || sequence === undefined) return undefined;
      sequence = this.#joined(sequence, part);
    }
    return sequence;
  }

  #joined(left: Part, right: Part): Part {
    this.#pair(left.last, right.first);
    return {
      first: [...left.first, ...(left.isNullable ? right.first : [])],
      last: [...right.last, ...(right.isNullable ? left.last : [])],
      isNullable: left.isNullable && right.isNullable,
      alone: [...(left.isOptional ? right.alone : []), ...(right.isOptional ? left.alone : [])],
      isOptional: left.isOptional && right.isOptional,
    };
  }

  #pair(lefts: readonly Place[], rights: readonly Place[]): void {
    for (const left of lefts) for (const right of rights) this.pairs.push([left, right]);
  }

  #element(node: AlternativeElementNode): Part | undefined {
    switch (node.type) {
      case "Character":
      case "CharacterClass":
      case "CharacterSet":
        return this.#place(node);
      case "CapturingGroup":
        return this.alternatives(node.body);
      case "Group": {
        const body = this.alternatives(node.body);
        // What an atomic group has taken it does not give back, even where it could do without.
        return node.atomic === true && body !== undefined ? { ...body, isOptional: false } : body;
      }
      case "Quantifier": {
        const body = this.#element(node.body);
        if (body === undefined) return undefined;
        if (node.max !== 1) this.#pair(body.last, body.first);
        return {
          ...body,
          isNullable: body.isNullable || node.min === 0,
          alone: node.min <= 1 ? body.alone : [],
          isOptional: node.kind !== "possessive" && (node.min === 0 || body.isOptional),
        };
      }
      case "LookaroundAssertion": {
        const body = node.kind === "lookahead" ? this.alternatives(node.body) : undefined;
        // It looks at what is matched next too.
        return body && { first: body.first, last: [], isNullable: true, alone: [], isOptional: false };
      }
      case "Directive":
        return node.kind === "flags" ? EMPTY : undefined;
      default:
        return undefined;
    }
  }

  #place(node: AlternativeElementNode): Part {
    // Whether a dot has line breaks depends on flags.
    const isDot = node.type === "CharacterSet" && node.kind === "dot";
    const place = isDot ? ANYTHING : this.#placeOf(node);
    this.places.push(place);
    return { first: [place], last: [place], isNullable: false, alone: isDot ? [] : [place], isOptional: false };
  }

  #placeOf(node: AlternativeElementNode): Place {
    const alone: OnigurumaAst = { ...this.#ast, body: [{ type: "Alternative", body: [node] }] };
    const { pattern } = generate(alone);
    const { source, flags } = expressionOf(alone, pattern, this.#where);
    const expression = new RegExp(source, flags.replace("g", ""));
    return {
      has: (character) => expression.test(character),
      hasSolid: () => hasSolid(pattern, expression),
    };
  }
}

const ANYTHING: Place = { has: () => true, hasSolid: () => true };

/** Whether sources of single characters can be solid ones, as far as that was asked; there are few, which are looked for in all of Unicode. */
const known = new Map<string, boolean>();

function hasSolid(source: string, expression: RegExp): boolean {
  const found = known.get(source) ?? expression.test(solidCharacters());
  known.set(source, found);
  return found;
}

let solid: string | undefined;

/** All characters but white space, its mark and halves of pairs. */
function solidCharacters(): string {
  if (solid === undefined) {
    const characters: string[] = [];
    for (let codePoint = 0; codePoint <= 0x10_ffff; codePoint++) characters.push(String.fromCodePoint(codePoint));
    solid = characters.join("").replace(/[\p{White_Space}\p{Surrogate}\u2581]/gu, "");
  }
  return solid;
}
