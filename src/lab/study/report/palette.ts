/** The colours of arms: Okabe and Ito's palette, which the colour-blind can tell apart; lines differ in dashes too. */

export interface Look {
  /** Name of a CSS variable: `--NAME` for marks, `--NAME-text` for words. */
  readonly colour: string;
  /** Stroke dashes: arms with a smaller budget than the grown one are dashed, and their dots hollow. */
  readonly dashes?: string;
}

const looks: ReadonlyMap<string, Look> = new Map<string, Look>([
  ["grown", { colour: "blue" }],
  ["scratch-tokens", { colour: "orange", dashes: "4 3" }],
  ["scratch-flops", { colour: "orange" }],
  ["scratch-total", { colour: "orange", dashes: "1.5 2.5" }],
  ["transformer-tokens", { colour: "green", dashes: "4 3" }],
  ["transformer-flops", { colour: "green" }],
  ["rotary-flops", { colour: "purple" }],
  ["net2net", { colour: "gold" }],
  ["no-growth", { colour: "grey" }],
]);

export const lookOf = (arm: string): Look => looks.get(arm) ?? { colour: "grey", dashes: "6 2 1 2" };

export const markColour = ({ colour }: Look): string => `var(--${colour})`;
export const textColour = ({ colour }: Look): string => `var(--${colour}-text)`;

const light =
  "--green: #009e73; --green-text: #00735a; --purple: #c2619a; --purple-text: #9c3f77; --gold: #c98a00; --gold-text: #8a5d00; --grey: #7b858f; --grey-text: #5b6570;";
const dark =
  "--green: #2bc79a; --green-text: #4fd4ad; --purple: #d991ba; --purple-text: #e3a8c9; --gold: #f0e442; --gold-text: #f0e442; --grey: #8f99a3; --grey-text: #a0a8b0;";

/** The colours of arms beside blue and orange, which all reports have. */
export const moreColours = `
:root { ${light} }
@media (prefers-color-scheme: dark) { :root { ${dark} } }
`;
