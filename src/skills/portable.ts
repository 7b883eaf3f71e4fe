/** Skills: parameter tokens in files of their own, trained beside a model and attached to it. What Node and browsers have in common. */

export { adaptation, type SkillPlan, skillOf } from "./adapt.ts";
export { attachSkills, requireTokenFormer } from "./attach.ts";
export { parseSkill, type Skill, type SkillRecord, sitesOfSkill, skillFiles } from "./skill.ts";
export { weightsHash } from "./weights-hash.ts";
