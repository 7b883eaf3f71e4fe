/** The models that requests choose among: that of the server, and those that its skills make of it. */

import { ApiError } from "./api-error.ts";
import type { ServedModel } from "./completion.ts";

/** A model under the name that requests call it by. */
export interface ChosenModel {
  readonly name: string;
  /** Which of the gated generations of parameter tokens it has. */
  readonly gates: readonly number[];
}

/** All models of a server, the one that it was started with first. */
export function modelsOf({ name, skills = [] }: ServedModel): ChosenModel[] {
  return [{ name, gates: [] }, ...skills.map((skill, gate) => ({ name: skill, gates: [gate] }))];
}

/**
 * The model that a request names. Without skills there is one, whatever it is called.
 * @throws ApiError where there are skills and none has the name
 */
export function chosenModel(model: ServedModel, asked: string | null | undefined): ChosenModel {
  const models = modelsOf(model);
  const chosen = asked == null || models.length === 1 ? models[0] : models.find(({ name }) => name === asked);
  if (chosen !== undefined) return chosen;
  throw new ApiError(
    404,
    `model: there is no "${asked}", expected one of ${models.map(({ name }) => name).join(", ")}`,
    {
      code: "model_not_found",
      parameter: "model",
    },
  );
}
