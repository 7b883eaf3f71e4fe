import fc from "fast-check";

const anyCharacter = fc
  .integer({ min: 0, max: 0x10ffff })
  .filter((code) => code < 0xd800 || code > 0xdfff)
  .map((code) => String.fromCodePoint(code));

/**
 * Any text: of printable characters, names that JavaScript gives a meaning among them, or of any characters. `fc.string` with a unit
 * of all characters would list the million of them first, in seconds.
 */
export const anyText: fc.Arbitrary<string> = fc.oneof(
  fc.string(),
  fc.array(anyCharacter).map((characters) => characters.join("")),
);
