/** The study `skills`: does a model learn something new by tokens of its own, and what does it forget? */

export type { Workplace } from "./cells.ts";
export { type SkillsStudy, skillsPreset, skillsSchema } from "./config.ts";
export { costOfSkills } from "./cost.ts";
export { writeSkillsReport } from "./report.ts";
export type { SkillsResults } from "./results.ts";
export { runSkills, type SkillsOutcome, variantsOf } from "./study.ts";
