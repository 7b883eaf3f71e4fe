/** Reads pages of HTML. */

import { parseHTML } from "linkedom";
import { expect } from "vitest";

/** What we use of a parsed element; the project is typed without the browser's DOM. */
export interface Parsed {
  readonly textContent: string;
  readonly localName: string;
  getAttribute(name: string): string | null;
  querySelectorAll(selector: string): Iterable<Parsed>;
}

export function parse(page: string): Parsed {
  const { document }: { document: { documentElement: Parsed } } = parseHTML(page);
  return document.documentElement;
}

export const texts = (root: Parsed, selector: string) =>
  Array.from(root.querySelectorAll(selector), ({ textContent }) => textContent);

/** Every element closed, in order: stricter than HTML, and what a browser never has to mend. */
export function expectWellFormed(source: string): void {
  const open: string[] = [];
  const body = source.replace(/<style>[\s\S]*?<\/style>/, "");
  for (const [, close, name = "", empty] of body.matchAll(/<(\/?)([a-z][a-zA-Z0-9]*)(?:\s[^<>]*?)?(\/?)>/g)) {
    if (close === "/") expect(open.pop()).toBe(name);
    else if (empty === "" && name !== "meta") open.push(name);
  }
  expect(open).toEqual([]);
  expect(body.replace(/<\/?[a-z][^<>]*>|<!doctype html>/g, "")).not.toMatch(/[<>]/);
}
