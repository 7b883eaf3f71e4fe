/** The choices of a run that is not made yet: which of them apply, and how a link takes them to another tab. */

import { beforeEach, expect, it } from "vitest";
import * as draft from "../../studio/src/page/store/draft.ts";

/** As another tab may be, whose visitor has made other choices. */
function chooseOthers() {
  draft.draft.value = { ...draft.draft.value, architecture: "transformer", layers: 3, heads: 7, width: 35, seed: 11 };
  draft.textKind.value = "gallery";
  draft.textKey.value = "first-names";
  draft.pieces.value = "characters and unknown";
  draft.lossOn.value = "completion";
}

beforeEach(() => {
  draft.draft.value = draft.PRESETS[1]?.draft ?? draft.draft.value;
  draft.textKind.value = "gallery";
  draft.textKey.value = "moby-dick";
  draft.pieces.value = "characters";
  draft.lossOn.value = "completion";
});

const chosen = () => {
  const { name: _, text, ...others } = draft.choices.value;
  return { ...others, text: text.kind === "own" ? { kind: text.kind, lossOn: text.lossOn } : text };
};

it("reads the page's texts by characters, whatever was chosen for one of the visitor's own", () => {
  draft.textKind.value = "own";
  draft.pieces.value = "byte-pairs";
  expect(draft.choices.value.pieces).toBe("byte-pairs");
  draft.textKind.value = "gallery";
  expect(draft.choices.value.pieces).toBe("characters");
});

it("takes all choices to a tab in which others were made, those that are usual too", () => {
  const usual = chosen();
  const query = draft.choicesQuery();
  chooseOthers();
  expect(chosen()).not.toEqual(usual);
  draft.fromQuery(query);
  expect(chosen()).toEqual(usual);
});

it("takes a plain GPT of byte pairs of one's own conversations along, but for the text", () => {
  draft.draft.value = { ...draft.draft.value, architecture: "transformer", layers: 5 };
  draft.textKind.value = "own";
  draft.pieces.value = "byte-pairs";
  draft.lossOn.value = "all";
  const own = chosen();
  const query = draft.choicesQuery();
  chooseOthers();
  draft.fromQuery(query);
  expect(chosen()).toEqual(own);
});

it("leaves as it is what a query does not say, or says wrongly", () => {
  chooseOthers();
  const before = chosen();
  draft.fromQuery("layers=&heads=%20&width=wide&architecture=rnn&text=nothing&pieces=words&learns=none");
  expect(chosen()).toEqual(before);
});
