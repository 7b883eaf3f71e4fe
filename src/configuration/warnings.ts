/** What a configuration says that is allowed, and hardly meant. */

import { type Config, growthPlansOf, scheduleOf } from "./config.ts";

/** A line for each thing in a configuration that is allowed, and hardly meant. */
export function warningsOf(config: Config): string[] {
  return [...scheduleWarnings(config), ...otherWarnings(config)];
}

/** Warnings of the learning rate of each phase from one restart to the next. */
function scheduleWarnings(config: Config): string[] {
  const { steps, warmup, learningRate, minimumLearningRate, schedule, restarts = [] } = scheduleOf(config);
  const phases = [{ step: 0, warmup, learningRate }, ...restarts];
  const found: string[] = [];
  let highest = learningRate;
  for (const [index, phase] of phases.entries()) {
    const end = phases[index + 1]?.step ?? steps;
    const length = end - phase.step;
    const rising = phase.warmup ?? warmup;
    highest = phase.learningRate ?? highest;
    const after = phase.step === 0 ? "" : ` after the restart at step ${phase.step}`;
    if (length > 0 && rising >= length) {
      const reached = ((highest * length) / (rising + 1)).toPrecision(3);
      found.push(
        `the warm-up of ${rising} steps is no shorter than the training of ${length} steps${after}: the learning rate rises to ${Number(reached)} of ${highest} and never falls; lower training.warmup`,
      );
    }
    if (minimumLearningRate !== undefined && minimumLearningRate > highest && schedule !== "constant") {
      found.push(
        `training.minimumLearningRate is ${minimumLearningRate}, above the learning rate of ${highest}${after}: the rate rises towards the end; lower it`,
      );
    }
  }
  return found;
}

function otherWarnings(config: Config): string[] {
  const { steps, evaluateAt, batch, microBatch } = config.training;
  const late = evaluateAt.filter((step) => step > steps);
  const found: string[] = [];
  if (late.length > 0) found.push(`training.evaluateAt: ${late.join(", ")} is after the last step, ${steps}`);
  if (microBatch !== undefined && microBatch > batch) {
    found.push(`training.microBatch is ${microBatch}, above the batch of ${batch}: a pass has ${batch} sequences`);
  }
  for (const plan of growthPlansOf(config)) {
    const left = steps - plan.step;
    if (plan.rewarm > 0 && plan.rewarm >= left) {
      found.push(`growth at step ${plan.step}: rewarm is ${plan.rewarm}, and only ${left} steps are left; lower it`);
    }
    if ("freeze" in plan && plan.freeze > 0 && plan.freeze >= left) {
      found.push(
        `growth at step ${plan.step}: freeze is ${plan.freeze}, and only ${left} steps are left: old tokens stay frozen to the end`,
      );
    }
  }
  return found;
}
