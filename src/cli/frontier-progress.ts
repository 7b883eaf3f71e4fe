/** How a running frontier looks in a terminal, and in a file. */

import { type FrontierCost, type FrontierPlan, type Place, surveyFrontier, type Work } from "../lab/frontier/index.ts";
import { formatDuration, formatFlops } from "../lab/report/format.ts";
import { Bar } from "./bar.ts";

/** Shows each branch that is done on a line. */
export class FrontierProgress {
  readonly #bar = new Bar(process.stderr);
  readonly #plan: FrontierPlan;
  readonly #directory: string;
  /** Processes that share the work. */
  readonly #processes: number;
  readonly #startedAt = performance.now();
  /** Floating-point operations of what this process has made. */
  #made = 0;
  #last: Promise<void> = Promise.resolve();

  constructor(plan: FrontierPlan, directory: string, processes: number) {
    this.#plan = plan;
    this.#directory = directory;
    this.#processes = processes;
    this.#bar.start("starting");
  }

  /** A segment or a branch was made by this process. */
  part({ flops }: FrontierCost): void {
    this.#made += flops;
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
    if (this.#made === 0) return share;
    const seconds = (performance.now() - this.#startedAt) / 1000;
    return `${share}, ${formatDuration((seconds * left.flops) / this.#made / this.#processes)} left`;
  }
}
