/** What can be learned of a record: what follows the prompt, or all of it. */
export const lossParts = ["completion", "all"] as const;
export type LossPart = (typeof lossParts)[number];
