/** How a running frontier looks in a terminal, and in a file. */

import {
  type FrontierPlan,
  type MadePart,
  type Place,
  paceOf,
  surveyFrontier,
  type Work,
} from "../lab/frontier/index.ts";
import { formatDuration, formatFlops } from "../lab/report/format.ts";
import { Bar } from "./bar.ts";

/** Shows each branch that is done on a line. */
export class FrontierProgress {
  readonly #bar = new Bar(process.stderr);
  readonly #plan: FrontierPlan;
  readonly #directory: string;
  /** Processes that share the work: the others are taken to be as fast as this one, which knows of no other. */
  readonly #processes: number;
  /** What this process has made. */
  readonly #parts: MadePart[] = [];
  #last: Promise<void> = Promise.resolve();

  constructor(plan: FrontierPlan, directory: string, processes: number) {
    this.#plan = plan;
    this.#directory = directory;
    this.#processes = processes;
    this.#bar.start("starting");
  }

  /** A segment or a branch was made by this process. */
  part(made: MadePart): void {
    this.#parts.push(made);
  }

  /** Something is waited for, as another process makes it. */
  waiting(words: string): void {
    this.#bar.line(`waiting: ${words}`);
  }

  show({ track, index, rates, seed }: Place, { documents, diverged }: Work, made: boolean): void {
    const branch = track.branches[index];
    if (branch === undefined || !made) return;
    const tokens = documents.reduce((sum, document) => sum + document.tokens, 0);
    const loss = documents.reduce((sum, document) => sum + document.loss * document.tokens, 0) / tokens;
    const result = diverged === undefined ? `loss ${loss.toFixed(4)}` : "diverged";
    const budget = formatFlops(this.#plan.budgets[branch.budget] ?? Number.NaN);
    const line = `${budget}  ${track.id}  rate ${rates[index]}  seed ${seed}  ${result}`;
    this.#last = this.#last.then(async () => this.#bar.line(`${line}${await this.#left().catch(() => "")}`));
  }

  /** Waits until all is shown. */
  async stop(): Promise<void> {
    await this.#last.finally(() => this.#bar.stop());
  }

  /** Fails where a file cannot be read: that ends the study by itself, if it matters. */
  async #left(): Promise<string> {
    const { done, left } = await surveyFrontier(this.#plan, this.#directory);
    const share = `  ${Math.floor((100 * done.flops) / (done.flops + left.flops))} % done`;
    const pace = paceOf(this.#parts);
    return pace === undefined ? share : `${share}, ${formatDuration((pace * left.flops) / this.#processes)} left`;
  }
}
