/** How a training run looks in a terminal, and in a file. */

import {
  type GrowthEvent,
  type GrowthReport,
  type StartEvent,
  type StepEvent,
  type TrainingEvent,
  warningsOf,
} from "../configuration/index.ts";
import type { OnProgress } from "../data/index.ts";
import { strategyOf } from "../growth/index.ts";
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatFlops,
  formatRate,
  formatScientific,
} from "../lab/report/format.ts";
import { freeMemory } from "../training/index.ts";
import { describeMemory, largestForecast } from "../training/portable.ts";
import { Bar } from "./bar.ts";
import { dataProgress } from "./data-progress.ts";
import { note } from "./output.ts";

/** Seconds between two lines about steps where no terminal watches. */
const SECONDS_BETWEEN_LINES = 10;

/** Shows events: a bar that is redrawn where a terminal watches, plain lines otherwise. */
export class Progress {
  readonly #bar: Bar;
  #total = 0;
  #first = 0;
  #startedAt = performance.now();
  #lastLine = performance.now();

  readonly #ranks: number;

  /** @param ranks how many train together. Default 1 */
  constructor(ranks = 1, stream: NodeJS.WriteStream = process.stderr) {
    this.#ranks = ranks;
    this.#bar = new Bar(stream);
  }

  show(event: TrainingEvent): void {
    switch (event.type) {
      case "start":
        this.#start(event);
        break;
      case "step":
        this.#step(event);
        break;
      case "validation": {
        const { step, validationLoss, perplexity, bitsPerByte } = event;
        const measures = `perplexity ${perplexity.toFixed(2)}  ${bitsPerByte.toFixed(3)} bits per byte`;
        this.line(`step ${step}  validation loss ${validationLoss.toFixed(4)}  ${measures}`);
        break;
      }
      case "growth":
        this.#growth(event);
        break;
      case "checkpoint":
        if (!event.best) this.line(`step ${event.step}  saved to ${event.directory}`);
        break;
      case "end":
        this.#bar.stop();
    }
  }

  /** A function that is told how far the reading of texts has come, before the run starts. */
  get onData(): OnProgress {
    return dataProgress(this.#bar);
  }

  /** A line above the bar. */
  line(text: string): void {
    this.#bar.line(text);
  }

  stop(): void {
    this.#bar.stop();
  }

  #start({ config, step, parameters, learning, flopsPerToken, device, data }: StartEvent): void {
    this.#bar.stop();
    this.#total = config.training.steps;
    this.#first = step;
    const { type, context } = config.model;
    const part = learning === undefined ? "" : `, of which ${formatCount(learning)} learn`;
    note(`${type}, ${formatCount(parameters.total)} parameters${part}, context ${context}, on ${device}`);
    note(
      `${data.name}: ${formatCount(data.trainTokens)} tokens to train on, ${formatCount(data.validationTokens)} held out, vocabulary ${data.vocabulary}; ${formatFlops(flopsPerToken)} a token`,
    );
    if (step > 0) note(`going on from step ${step}`);
    if (data.change !== undefined) note(`warning: ${data.name}: ${data.change}`);
    for (const warning of warningsOf(config)) note(`warning: ${warning}`);
    const { longDocuments: long } = data;
    if (long !== undefined) {
      const others = long.count > 1 ? ` and ${long.count - 1} more are` : " is";
      note(
        `warning: ${long.first}${others} longer than the context of ${context} tokens, and what goes beyond is not learned`,
      );
    }
    const [, wanted] = /^bpe:(\d+)$/.exec(config.tokenizer) ?? [];
    if (wanted !== undefined && step === 0 && data.vocabulary < Number(wanted)) {
      note(`warning: the text has pairs for a vocabulary of ${data.vocabulary} only, not of ${wanted}`);
    }
    const forecast = largestForecast(config, step, device.startsWith("cpu"), learning, this.#ranks);
    const free = freeMemory();
    if (forecast.total > free) {
      note(`warning: training takes at least ${describeMemory(forecast)}, and ${formatBytes(free)} are free here`);
    }
    this.#startedAt = performance.now();
    this.#bar.start("compiling");
  }

  #step(event: StepEvent): void {
    const now = performance.now();
    const done = event.step - this.#first;
    const left = ((now - this.#startedAt) / 1000 / done) * (this.#total - event.step);
    const rates = `${formatRate(event.tokensPerSecond, "tokens")}  ${formatFlops(event.flopsPerSecond)}/s`;
    const text = `step ${event.step}/${this.#total}  loss ${event.loss.toFixed(4)}  ${rates}  ${formatDuration(left)} left`;
    if (this.#bar.isShown) {
      const filled = Math.round((20 * event.step) / this.#total);
      this.#bar.show(`${"█".repeat(filled)}${"░".repeat(20 - filled)} ${text}`);
    } else if (event.step === this.#total || now - this.#lastLine >= 1000 * SECONDS_BETWEEN_LINES) {
      this.#lastLine = now;
      note(text);
    }
  }

  #growth(event: GrowthEvent): void {
    for (const line of growthLines(event)) this.line(line);
    this.line(`  validation loss ${event.lossBefore.toFixed(4)} → ${event.lossAfter.toFixed(4)}`);
  }
}

/** What growing changed, for people. */
export function growthLines(report: GrowthReport & { readonly step: number }): string[] {
  const { init, maxLogitDifference, logitScale } = report;
  const tau = report.tau === undefined ? "" : `, τ ${report.tau}`;
  const isKept = maxLogitDifference <= 1e-4 * logitScale || !strategyOf(init).preserves;
  return [
    `step ${report.step}  grown by ${init}${tau}: ${report.summary}`,
    `  parameters ${formatCount(report.parametersBefore)} → ${formatCount(report.parametersAfter)}, ${formatFlops(report.flopsPerTokenBefore)} → ${formatFlops(report.flopsPerTokenAfter)} a token, memory ${formatBytes(report.memoryBefore)} → ${formatBytes(report.memoryAfter)}`,
    ...(isKept ? [] : [`  the function is not preserved${reasonOf(report)}`]),
    `  largest change of a logit ${formatScientific(maxLogitDifference)}, of logits up to ${logitScale.toFixed(2)}`,
  ];
}

/** Why a strategy that preserves the function did not. */
function reasonOf({ init, tau }: GrowthReport): string {
  if (init === "zero-key" && tau === undefined) return ": zero keys do not with Θ softmax, split does";
  return tau === "sqrt-n" ? ": τ sqrt-n changes it at once, fixed keeps it" : `, though ${init} says so`;
}
