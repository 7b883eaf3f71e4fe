/** How a running frontier looks in a terminal, and in a file. */

import { costAt, type FrontierPlan, type Place, sumOf, type Work } from "../lab/frontier/index.ts";
import { formatDuration, formatFlops } from "../lab/report/format.ts";
import { Bar } from "./bar.ts";

/** Shows each branch that is done on a line. */
export class FrontierProgress {
  readonly #bar = new Bar(process.stderr);
  readonly #plan: FrontierPlan;
  readonly #startedAt = performance.now();
  /** Floating-point operations: in all, done, and done before this process. */
  readonly #total: number;
  #done = 0;
  #before = 0;

  constructor(plan: FrontierPlan) {
    this.#plan = plan;
    this.#total = sumOf(plan.budgets.map((_, budget) => costAt(plan, budget))).flops;
    this.#bar.start("starting");
  }

  show({ track, index, rates, seed }: Place, { documents, diverged }: Work, made: boolean): void {
    const branch = track.branches[index];
    if (branch === undefined) return;
    this.#done += branch.flops;
    if (!made) this.#before += branch.flops;
    if (!made) return;
    const tokens = documents.reduce((sum, document) => sum + document.tokens, 0);
    const loss = documents.reduce((sum, document) => sum + document.loss * document.tokens, 0) / tokens;
    const result = diverged === undefined ? `loss ${loss.toFixed(4)}` : "diverged";
    const budget = formatFlops(this.#plan.budgets[branch.budget] ?? Number.NaN);
    this.#bar.line(`${budget}  ${track.id}  rate ${rates[index]}  seed ${seed}  ${result}  ${this.#left()}`);
  }

  stop(): void {
    this.#bar.stop();
  }

  #left(): string {
    const now = this.#done - this.#before;
    // A grid that was extended makes more runs than were foreseen.
    const share = Math.min(1, this.#done / this.#total);
    const left = ((performance.now() - this.#startedAt) / 1000 / now) * Math.max(0, this.#total - this.#done);
    return `${Math.floor(100 * share)} % done, ${formatDuration(left)} left`;
  }
}
