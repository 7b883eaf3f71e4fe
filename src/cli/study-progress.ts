/** How a running study looks in a terminal, and in a file. */

import { formatDuration } from "../lab/report/format.ts";
import {
  cellsOf,
  costOf,
  plannedRuns,
  runCost,
  type Speed,
  type StudyEvent,
  type StudyPlan,
  secondsOf,
} from "../lab/study/index.ts";
import { Bar } from "./bar.ts";

/** Shows each run that is done on a line, and where a terminal watches, a bar for all of them. */
export class StudyProgress {
  readonly #bar: Bar;
  readonly #speed: Speed;
  readonly #startedAt = performance.now();
  /** Expected seconds of work: in all, done, done before this process, and of each run under way. */
  #total: number;
  #done = 0;
  #before = 0;
  readonly #underWay = new Map<string, number>();
  #runs = 0;
  #planned: number;

  constructor(plan: StudyPlan, speed: Speed, stream: NodeJS.WriteStream = process.stderr) {
    this.#bar = new Bar(stream);
    this.#bar.start("starting");
    this.#speed = speed;
    this.#total = secondsOf(costOf(plan), speed);
    this.#planned = plannedRuns(plan) * cellsOf(plan).length;
  }

  show(event: StudyEvent): void {
    if (event.type === "waiting") {
      this.#bar.line(`waiting: ${event.words}`);
      return;
    }
    const { cell, directory, learningRate, seed } = event.run;
    const work = secondsOf(runCost(cell), this.#speed);
    if (event.type === "training") {
      if (event.event.type !== "step") return;
      this.#underWay.set(directory, (work * (event.event.step - cell.begins)) / runCost(cell).steps);
      this.#redraw();
      return;
    }
    this.#underWay.delete(directory);
    this.#runs += 1;
    this.#done += work;
    if (!event.made) this.#before += work;
    // A grid that was extended makes more runs than were foreseen.
    this.#planned = Math.max(this.#planned, this.#runs);
    this.#total = Math.max(this.#total, this.#done);
    if (!event.made) return;
    const { result } = event;
    const loss = result.diverged === undefined ? `loss ${result.curve.at(-1)?.loss.toFixed(4)}` : "diverged";
    this.#bar.line(`${this.#counter()}  ${cell.id}  rate ${learningRate}  seed ${seed}  ${loss}  ${this.#left()}`);
  }

  stop(): void {
    this.#bar.stop();
  }

  #redraw(): void {
    this.#bar.show(`${this.#counter()} runs  ${this.#left()}`);
  }

  #counter(): string {
    return `${String(this.#runs).padStart(String(this.#planned).length)}/${this.#planned}`;
  }

  #left(): string {
    const done = this.#done + [...this.#underWay.values()].reduce((sum, work) => sum + work, 0);
    const now = done - this.#before;
    if (now <= 0) return "";
    const left = ((performance.now() - this.#startedAt) / 1000 / now) * Math.max(0, this.#total - done);
    return `${Math.floor(Math.min(1, done / this.#total) * 100)} % done, ${formatDuration(left)} left`;
  }
}
