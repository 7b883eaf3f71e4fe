/** Running the study `skills`: seed by seed, the small sizes first; what is done is kept, and the same call goes on. */

import {
  base,
  baseName,
  folderOf,
  fullyTuned,
  lossesOf,
  parametersOfBase,
  skill,
  skillName,
  type Workplace,
} from "./cells.ts";
import type { Adapted, Continual, Learned, Losses, Pair, SkillsResults } from "./results.ts";

/** What is done so far; some is missing if it was stopped. */
export type SkillsOutcome = Pick<SkillsResults, "bases" | "adapted" | "pairs" | "continual" | "baseParameters"> & {
  readonly interrupted: boolean;
};

/** Makes all that the study lacks yet. */
export async function runSkills(site: Workplace): Promise<SkillsOutcome> {
  const runner = new Runner(site);
  const done = await runner.all();
  return { ...runner.outcome, interrupted: !done };
}

class Runner {
  readonly #site: Workplace;
  readonly #bases: Learned[] = [];
  readonly #adapted: Adapted[] = [];
  readonly #pairs: Pair[] = [];
  readonly #continual: Continual[] = [];
  readonly #rates = new Map<string, number>();
  #baseParameters = 0;

  constructor(site: Workplace) {
    this.#site = site;
  }

  get outcome(): Omit<SkillsOutcome, "interrupted"> {
    return {
      bases: this.#bases,
      adapted: this.#adapted,
      pairs: this.#pairs,
      continual: this.#continual,
      baseParameters: this.#baseParameters,
    };
  }

  /** The texts beside the base's. */
  get #texts(): string[] {
    return [...this.#site.corpora.keys()].slice(1);
  }

  /** Whether all is done. */
  async all(): Promise<boolean> {
    for (const seed of this.#site.study.seeds) {
      const made = await base(this.#site, seed);
      if (made === undefined) return false;
      this.#bases.push(made);
      this.#baseParameters = await parametersOfBase(this.#site, seed);
      for (const way of [...this.#site.study.sizes, "full" as const]) {
        for (const text of this.#texts) if (!(await this.#learn(text, way, seed))) return false;
      }
      for (const size of this.#site.study.sizes) await this.#together(size, seed);
      if (!(await this.#oneAfterTheOther(seed))) return false;
    }
    return true;
  }

  async #learn(text: string, way: number | "full", seed: number): Promise<boolean> {
    const key = `${text} ${way}`;
    const known = this.#rates.get(key);
    const { skillRates, fullRates } = this.#site.study;
    const tried: { readonly rate: number; readonly learned: Learned }[] = [];
    for (const rate of known === undefined ? (way === "full" ? fullRates : skillRates) : [known]) {
      const learned = await this.#trained(text, way, rate, seed);
      if (learned === undefined) return false;
      tried.push({ rate, learned });
    }
    const lossOf = ({ learned }: (typeof tried)[number]) => learned.losses[text] ?? Number.POSITIVE_INFINITY;
    const [best] = tried.toSorted((a, b) => lossOf(a) - lossOf(b));
    if (best === undefined) return false;
    this.#rates.set(key, best.rate);
    this.#adapted.push({ text, way, learningRate: best.rate, ...best.learned });
    return true;
  }

  #trained(text: string, way: number | "full", rate: number, seed: number): Promise<Learned | undefined> {
    if (way !== "full") return skill(this.#site, { text, size: way, rate, seed });
    return fullyTuned(this.#site, { name: `full-${text}-${rate}-${seed}`, from: baseName(seed), text, rate, seed });
  }

  #skillFolder(text: string, size: number, seed: number): string {
    return folderOf(this.#site, skillName(text, size, this.#rates.get(`${text} ${size}`) ?? Number.NaN, seed));
  }

  #with(seed: number, skills: readonly string[]): Promise<Losses> {
    return lossesOf(this.#site, folderOf(this.#site, baseName(seed)), skills);
  }

  /** The first two texts, both skills attached. */
  async #together(size: number, seed: number): Promise<void> {
    const [one, two] = this.#texts;
    if (one === undefined || two === undefined) return;
    const skills = [one, two].map((text) => this.#skillFolder(text, size, seed));
    this.#pairs.push({ seed, texts: [one, two], size, losses: await this.#with(seed, skills) });
  }

  /** All texts one after the other: by skills of each size, and by one model that is trained on. */
  async #oneAfterTheOther(seed: number): Promise<boolean> {
    const texts = this.#texts;
    const [first = ""] = this.#site.corpora.keys();
    const learnedSoFar = (count: number) => [first, ...texts.slice(0, count)];
    for (const size of this.#site.study.sizes) {
      const [all, own]: [number[], number[]] = [[], []];
      for (const count of texts.keys()) {
        const skills = texts.slice(0, count + 1).map((text) => this.#skillFolder(text, size, seed));
        all.push(mean(await this.#with(seed, skills), learnedSoFar(count + 1)));
        own.push(this.#ownMean(learnedSoFar(count + 1), size, seed));
      }
      this.#continual.push({ seed, way: "all", size, means: all }, { seed, way: "own", size, means: own });
    }
    const means: number[] = [];
    let from = baseName(seed);
    for (const [index, text] of texts.entries()) {
      const name = `continual-${index}-${text}-${seed}`;
      const rate = this.#rates.get(`${text} full`) ?? Number.NaN;
      const learned = await fullyTuned(this.#site, { name, from, text, rate, seed });
      if (learned === undefined) return false;
      means.push(mean(learned.losses, learnedSoFar(index + 1)));
      from = name;
    }
    this.#continual.push({ seed, way: "full", means });
    return true;
  }

  /** Each text with its own skill, and that of the base with none. */
  #ownMean([first = "", ...texts]: readonly string[], size: number, seed: number): number {
    const plain = this.#bases.find((made) => made.seed === seed)?.losses[first] ?? Number.NaN;
    const own = texts.map(
      (text) =>
        this.#adapted.find((made) => made.seed === seed && made.text === text && made.way === size)?.losses[text] ??
        Number.NaN,
    );
    return [plain, ...own].reduce((sum, loss) => sum + loss, 0) / (own.length + 1);
  }
}

function mean(losses: Losses, texts: readonly string[]): number {
  return texts.reduce((sum, text) => sum + (losses[text] ?? Number.NaN), 0) / texts.length;
}
