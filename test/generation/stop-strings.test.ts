import fc from "fast-check";
import { expect, it } from "vitest";
import { StopStrings } from "../../src/generation/stop-strings.ts";

function shown(pieces: readonly string[], stops: readonly string[]) {
  const strings = new StopStrings(stops);
  const parts = pieces.map((piece) => strings.push(piece));
  return { parts, rest: strings.end(), stopped: strings.stopped };
}

it("holds back what may begin a stop string, until it is known", () => {
  expect(shown(["ab", "c", "d", "e"], ["cdx"])).toEqual({ parts: ["ab", "", "", "cde"], rest: "", stopped: false });
  expect(shown(["ab", "c", "d"], ["cdx"])).toEqual({ parts: ["ab", "", ""], rest: "cd", stopped: false });
});

it("ends the text before a stop string, and gives nothing more", () => {
  expect(shown(["ab", "c", "dxy", "z"], ["cdx"])).toEqual({ parts: ["ab", "", "", ""], rest: "", stopped: true });
});

it("shows the same of any text, however it is divided", () => {
  const text = fc.string({ unit: fc.constantFrom("a", "b", "c"), maxLength: 20 });
  const stops = fc.array(fc.string({ unit: fc.constantFrom("a", "b", "c"), minLength: 1, maxLength: 4 }), {
    maxLength: 3,
  });
  fc.assert(
    fc.property(fc.array(text, { maxLength: 6 }), stops, (pieces, stops) => {
      const whole = pieces.join("");
      // The first end of a stop string decides, as a text is read from its beginning.
      const ends = stops.flatMap((stop) => (whole.includes(stop) ? whole.indexOf(stop) + stop.length : []));
      const { parts, rest, stopped } = shown([...whole], stops);
      const first = Math.min(...ends);
      const begins = stops.flatMap((stop) => (whole.slice(0, first).endsWith(stop) ? first - stop.length : []));
      expect(stopped).toBe(ends.length > 0);
      expect(parts.join("") + rest).toBe(ends.length > 0 ? whole.slice(0, Math.min(...begins)) : whole);
    }),
  );
});
