/** What a model wrote, as the studio shows it. */

import { expect, it } from "vitest";
import { ONLY_BLANKS, shownText } from "../../studio/src/page/watch/said.ts";

it("is shown without the empty lines of a young model, and said to be nothing where it is", () => {
  expect(shownText('\n\n""\n\n \n\n  UUIt oul\nto do \n')).toBe('""\n\n  UUIt oul\nto do');
  expect(shownText(" \n\n ")).toBe(ONLY_BLANKS);
});
