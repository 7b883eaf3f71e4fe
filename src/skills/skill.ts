/**
 * Skills: parameter tokens that were trained beside a model that stayed as it was, in files of their own.
 *
 * - `skill.json`: the model it belongs to, the numbers of tokens, τ, and how it was trained
 * - `skill.safetensors`: the new keys and values, `<place>.keys` and `<place>.values`
 */

import { z } from "zod";
import { type CheckpointFolder, readTensors, skillOriginSchema } from "../checkpoint/portable.ts";
import { trainingSchema } from "../configuration/index.ts";
import { UserError } from "../errors.ts";
import {
  checkJson,
  contentBytes,
  type FileContents,
  formatJson,
  memorySource,
  noteVersion,
  type Patches,
  parseJson,
  patched,
  refuseNewer,
  safetensorsPieces,
} from "../formats/portable.ts";
import type { HostArray } from "../growth/index.ts";
import { generationSchema, generationSites, type TokenFormerSite } from "../model/index.ts";

/** Version of the files. A program reads its own and older ones. */
const SKILL_VERSION = 1;

/** What makes a `skill.json` of an older version into one of this. */
const PATCHES: Patches = [noteVersion];

export const SKILL_FILES = ["skill.json", "skill.safetensors"] as const;

const skillSchema = z
  .strictObject({
    formatVersion: z.literal(SKILL_VERSION),
    ...skillOriginSchema.shape,
    /** The numbers of tokens and τ, as in `model.generations`. */
    generation: generationSchema,
    /** How it was trained. */
    training: z.strictObject({
      data: z.string(),
      config: trainingSchema,
      steps: z.int().nonnegative(),
      tokens: z.int().nonnegative(),
      seconds: z.number().nonnegative(),
      /** The loss in nats per token, where it was measured with these very weights. */
      validationLoss: z.number().optional(),
    }),
  })
  .check(({ value, issues }) => {
    const { base, generation } = value;
    const uneven = [...Object.values(generation.tokens), ...Object.values(generation.tau ?? {})].some(
      (numbers) => Array.isArray(numbers) && numbers.length !== base.layers,
    );
    if (!uneven) return;
    const message = `has not one number for each of ${base.layers} layers; restore the file`;
    issues.push({ code: "custom", path: ["generation"], message, input: generation });
  });

export type SkillRecord = z.infer<typeof skillSchema>;

/** A skill in memory. */
export interface Skill {
  /** What messages call it: its folder. */
  readonly name: string;
  readonly record: SkillRecord;
  /** Keys and values, by `<place>.keys` and `<place>.values`. */
  readonly tensors: ReadonlyMap<string, HostArray>;
}

/** The sites of a skill; their paths are those of the places. */
export function sitesOfSkill({ base, generation }: SkillRecord): TokenFormerSite[] {
  return generationSites(generation, 0, base.layers);
}

function shapesOf(record: SkillRecord): Map<string, readonly number[]> {
  const shapes = sitesOfSkill(record).flatMap(({ path, tokens }) =>
    ["keys", "values"].map((part) => [`${path}.${part}`, [tokens, record.base.width]] as const),
  );
  return new Map(shapes);
}

/**
 * Reads a skill.
 * @param name what messages call it
 * @throws UserError naming the file that is missing, damaged, cut short or of a newer version, and the tensor of another shape
 */
export async function readSkill(folder: CheckpointFolder, name: string): Promise<Skill> {
  const [about, weights] = SKILL_FILES;
  const file = folder.open(about);
  const bytes = new Uint8Array(file.size);
  try {
    await file.read(bytes, 0);
  } finally {
    await file.close();
  }
  const found = parseJson(new TextDecoder().decode(bytes), file.name);
  refuseNewer(found, file.name, SKILL_VERSION);
  const record = checkJson(patched(found, PATCHES, SKILL_VERSION).value, file.name, skillSchema);
  const tensors = new Map<string, HostArray>();
  for await (const [path, tensor] of readTensors(folder.open(weights), shapesOf(record), about)) {
    tensors.set(path, tensor);
  }
  return { name, record, tensors };
}

/** A skill of files in memory, by their names: as `skillFiles` gives them. Throws a `UserError` as `readSkill` does. */
export function parseSkill(files: ReadonlyMap<string, Uint8Array>, name = "the skill"): Promise<Skill> {
  const open = (file: string) => {
    const bytes = files.get(file);
    if (bytes === undefined) throw new UserError(`${name}: has no ${file}; a skill has ${SKILL_FILES.join(" and ")}`);
    return memorySource(file, bytes);
  };
  return readSkill({ pathOf: (file) => file, has: (file) => files.has(file), open }, name);
}

/** What makes the contents of a skill's files, by their names. A file's own path is for messages. */
export function skillContents({ record, tensors }: Pick<Skill, "record" | "tensors">) {
  const [about, weights] = SKILL_FILES;
  return {
    [about]: (): FileContents => formatJson(skillSchema.parse(record)),
    [weights]: (path: string): FileContents =>
      safetensorsPieces(tensors, path, { metadata: { format: "tokenformer skill" } }),
  };
}

/** A skill as the bytes of its files, by their names: `parseSkill` reads them. */
export async function skillFiles(skill: Pick<Skill, "record" | "tensors">): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  for (const [name, contents] of Object.entries(skillContents(skill))) {
    files.set(name, await contentBytes(contents(name)));
  }
  return files;
}
