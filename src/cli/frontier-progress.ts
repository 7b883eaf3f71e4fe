/** How a running frontier looks in a terminal, and in a file. */

import { costAt, type FrontierCost, type FrontierPlan, type Place, sumOf, type Work } from "../lab/frontier/index.ts";
import { formatDuration, formatFlops } from "../lab/report/format.ts";
import { Bar } from "./bar.ts";

/** Shows each branch that is done on a line. */
export class FrontierProgress {
  readonly #bar = new Bar(process.stderr);
  readonly #plan: FrontierPlan;
  readonly #startedAt = performance.now();
  /** What was to be made when this began, by its folder, and is not done yet. */
  readonly #left: Map<string, FrontierCost>;
  /** Floating-point operations: of the whole plan, and of what was left when this began. */
  readonly #total: number;
  readonly #begun: number;

  constructor(plan: FrontierPlan, left: ReadonlyMap<string, FrontierCost>) {
    this.#plan = plan;
    this.#left = new Map(left);
    this.#begun = this.#flopsLeft();
    // What was made once may have to be made again, so that more can be left than is planned.
    this.#total = Math.max(this.#begun, sumOf(plan.budgets.map((_, budget) => costAt(plan, budget))).flops);
    this.#bar.start("starting");
  }

  /** A segment or a branch is done, by this process or by another. */
  done(folder: string): void {
    this.#left.delete(folder);
  }

  show({ track, index, rates, seed }: Place, { documents, diverged }: Work, made: boolean): void {
    const branch = track.branches[index];
    if (branch === undefined || !made) return;
    const tokens = documents.reduce((sum, document) => sum + document.tokens, 0);
    const loss = documents.reduce((sum, document) => sum + document.loss * document.tokens, 0) / tokens;
    const result = diverged === undefined ? `loss ${loss.toFixed(4)}` : "diverged";
    const budget = formatFlops(this.#plan.budgets[branch.budget] ?? Number.NaN);
    this.#bar.line(`${budget}  ${track.id}  rate ${rates[index]}  seed ${seed}  ${result}  ${this.#told()}`);
  }

  stop(): void {
    this.#bar.stop();
  }

  #told(): string {
    const left = this.#flopsLeft();
    const seconds = (((performance.now() - this.#startedAt) / 1000) * left) / (this.#begun - left);
    return `${Math.floor(100 * (1 - left / this.#total))} % done, ${formatDuration(seconds)} left`;
  }

  #flopsLeft(): number {
    return sumOf(this.#left.values()).flops;
  }
}
