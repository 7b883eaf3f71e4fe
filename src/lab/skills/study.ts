/** Running the study `skills`: seed by seed, the small sizes first; what is done is kept, and the same call goes on. */

import {
  base,
  baseName,
  folderOf,
  fullyTuned,
  gpt,
  lossesOf,
  nameOfTask,
  parametersOfBase,
  partlyTuned,
  skill,
  type Task,
  type Workplace,
} from "./cells.ts";
import type { SkillsStudy } from "./config.ts";
import type { Adapted, Continual, Learned, Losses, Pair, SkillsResults, Way } from "./results.ts";

/** What is done so far; some is missing if it was stopped. */
export type SkillsOutcome = Pick<
  SkillsResults,
  "bases" | "gpts" | "adapted" | "pairs" | "continual" | "baseParameters" | "diverged"
> & {
  readonly interrupted: boolean;
};

/** A way to learn a text, of a size where it has one. */
export type Variant = Pick<Task, "way" | "size">;

/** The ways of a study, each with all sizes: those of one size after each other. */
export function variantsOf({ ways, sizes }: Pick<SkillsStudy, "ways" | "sizes">): Variant[] {
  const sized = ways.filter((way) => way !== "full");
  const all = sizes.flatMap((size) => sized.map((way): Variant => ({ way, size })));
  return ways.includes("full") ? [...all, { way: "full" }] : all;
}

/** Makes all that the study lacks yet. */
export async function runSkills(site: Workplace): Promise<SkillsOutcome> {
  const runner = new Runner(site);
  const done = await runner.all();
  return { ...runner.outcome, interrupted: !done };
}

class Runner {
  readonly #site: Workplace;
  readonly #bases: Learned[] = [];
  readonly #gpts: Learned[] = [];
  readonly #adapted: Adapted[] = [];
  readonly #pairs: Pair[] = [];
  readonly #continual: Continual[] = [];
  readonly #diverged: string[] = [];
  readonly #rates = new Map<string, number>();
  #baseParameters = 0;

  constructor(site: Workplace) {
    this.#site = {
      ...site,
      onDone: (name, learned, made) => {
        if (learned.diverged !== undefined) this.#diverged.push(name);
        site.onDone?.(name, learned, made);
      },
    };
  }

  get outcome(): Omit<SkillsOutcome, "interrupted"> {
    return {
      bases: this.#bases,
      gpts: this.#gpts,
      adapted: this.#adapted,
      pairs: this.#pairs,
      continual: this.#continual,
      diverged: this.#diverged,
      baseParameters: this.#baseParameters,
    };
  }

  /** The texts beside the base's. */
  get #texts(): string[] {
    return [...this.#site.corpora.keys()].slice(1);
  }

  /** Whether all is done. */
  async all(): Promise<boolean> {
    const { study } = this.#site;
    for (const seed of study.seeds) {
      const ways = await this.#modelsOf(seed);
      if (ways === undefined) return false;
      for (const variant of variantsOf(study)) {
        if (!ways.has(variant.way)) continue;
        for (const text of this.#texts) if (!(await this.#learn(text, variant, seed))) return false;
      }
      if (ways.has("skill")) {
        for (const size of study.sizes) await this.#together(size, seed);
        for (const size of study.sizes) await this.#skillsOneAfterTheOther(size, seed);
      }
      if (ways.has("full") && !(await this.#trainedOneAfterTheOther(seed))) return false;
    }
    return true;
  }

  /** Makes the models that texts are learned by: the ways that have one which did not diverge. Undefined if it was interrupted. */
  async #modelsOf(seed: number): Promise<ReadonlySet<Way> | undefined> {
    const { ways } = this.#site.study;
    const made = await base(this.#site, seed);
    if (made === undefined) return undefined;
    if (made.diverged !== undefined) return new Set();
    this.#bases.push(made);
    this.#baseParameters = await parametersOfBase(this.#site, seed);
    if (!ways.includes("lora")) return new Set(ways);
    const beside = await gpt(this.#site, seed);
    if (beside === undefined) return undefined;
    if (beside.diverged !== undefined) return new Set(ways.filter((way) => way !== "lora"));
    this.#gpts.push(beside);
    return new Set(ways);
  }

  async #learn(text: string, variant: Variant, seed: number): Promise<boolean> {
    const key = keyOf(text, variant);
    const known = this.#rates.get(key);
    const tried: { readonly rate: number; readonly learned: Learned }[] = [];
    for (const rate of known === undefined ? this.#site.study.rates : [known]) {
      const learned = await this.#trained({ text, ...variant, rate, seed });
      if (learned === undefined) return false;
      tried.push({ rate, learned });
    }
    const lossOf = ({ learned }: (typeof tried)[number]) => learned.losses[text] ?? Number.POSITIVE_INFINITY;
    const [best] = tried.toSorted((a, b) => lossOf(a) - lossOf(b));
    // Without a rate that is low enough there is nothing to tell but that.
    if (best === undefined || best.learned.diverged !== undefined) return true;
    this.#rates.set(key, best.rate);
    this.#adapted.push({ text, ...variant, learningRate: best.rate, ...best.learned });
    return true;
  }

  #trained({ way, size, ...task }: Task): Promise<Learned | undefined> {
    const { text, rate, seed } = task;
    if (way === "full" || size === undefined) {
      const name = nameOfTask({ ...task, way: "full" });
      return fullyTuned(this.#site, { name, from: baseName(seed), text, rate, seed });
    }
    return way === "skill"
      ? skill(this.#site, { ...task, way, size })
      : partlyTuned(this.#site, { ...task, way, size });
  }

  /** The folders of the skills for some texts. Undefined where one of them diverged. */
  #skillFolders(texts: readonly string[], size: number, seed: number): string[] | undefined {
    const folders = texts.flatMap((text) => {
      const rate = this.#skillOf(text, size, seed)?.learningRate;
      return rate === undefined ? [] : [folderOf(this.#site, nameOfTask({ text, way: "skill", size, rate, seed }))];
    });
    return folders.length < texts.length ? undefined : folders;
  }

  #with(seed: number, skills: readonly string[]): Promise<Losses> {
    return lossesOf(this.#site, folderOf(this.#site, baseName(seed)), skills);
  }

  /** The first two texts, both skills attached. */
  async #together(size: number, seed: number): Promise<void> {
    const [one, two] = this.#texts;
    if (one === undefined || two === undefined) return;
    const skills = this.#skillFolders([one, two], size, seed);
    if (skills === undefined) return;
    this.#pairs.push({ seed, texts: [one, two], size, losses: await this.#with(seed, skills) });
  }

  /** All texts one after the other, by skills of a size: all attached, and each text with its own. */
  async #skillsOneAfterTheOther(size: number, seed: number): Promise<void> {
    const skills = this.#skillFolders(this.#texts, size, seed);
    if (skills === undefined) return;
    const [all, own]: [number[], number[]] = [[], []];
    for (const index of skills.keys()) {
      all.push(mean(await this.#with(seed, skills.slice(0, index + 1)), this.#learnedUpTo(index)));
      own.push(this.#ownMean(this.#learnedUpTo(index), size, seed));
    }
    this.#continual.push({ seed, way: "all", size, means: all }, { seed, way: "own", size, means: own });
  }

  /** All texts one after the other, by one model that is trained on, unless it diverges. Whether it was not interrupted. */
  async #trainedOneAfterTheOther(seed: number): Promise<boolean> {
    const means: number[] = [];
    let from = baseName(seed);
    for (const [index, text] of this.#texts.entries()) {
      const rate = this.#rates.get(keyOf(text, { way: "full" }));
      if (rate === undefined) return true;
      const name = `${from}-then-${text}-${rate}`;
      const learned = await fullyTuned(this.#site, { name, from, text, rate, seed });
      if (learned === undefined) return false;
      if (learned.diverged !== undefined) return true;
      means.push(mean(learned.losses, this.#learnedUpTo(index)));
      from = name;
    }
    this.#continual.push({ seed, way: "full", means });
    return true;
  }

  /** The base's text, and the new ones up to one of them. */
  #learnedUpTo(index: number): string[] {
    return [...this.#site.corpora.keys()].slice(0, index + 2);
  }

  /** Each text with its own skill, and that of the base with none. */
  #ownMean([first = "", ...texts]: readonly string[], size: number, seed: number): number {
    const plain = this.#bases.find((made) => made.seed === seed)?.losses[first] ?? Number.NaN;
    const own = texts.map((text) => this.#skillOf(text, size, seed)?.losses[text] ?? Number.NaN);
    return [plain, ...own].reduce((sum, loss) => sum + loss, 0) / (own.length + 1);
  }

  #skillOf(text: string, size: number, seed: number): Adapted | undefined {
    return this.#adapted.find(
      (made) => made.seed === seed && made.text === text && made.way === "skill" && made.size === size,
    );
  }
}

const keyOf = (text: string, { way, size }: Variant) => `${text} ${way} ${size ?? ""}`;

function mean(losses: Losses, texts: readonly string[]): number {
  return texts.reduce((sum, text) => sum + (losses[text] ?? Number.NaN), 0) / texts.length;
}
