/** What `/metrics` shows, in Prometheus' text format. */

import { Counter, Gauge, Histogram, Registry } from "prom-client";

/** Numbers that are read when they are asked for. */
export interface Observed {
  readonly waiting: number;
  readonly active: number;
}

/** The status of a request whose client went away. */
export const CLIENT_GONE = 499;

export class Metrics {
  readonly registry = new Registry();
  readonly #requests: Counter<"route" | "status">;
  readonly #tokens: Counter<"kind">;
  readonly #seconds: Histogram<"route">;
  readonly #gone: Counter;

  constructor(observed: Observed, slots: number) {
    const registers = [this.registry];
    const name = (own: string) => `tokenformer_${own}`;
    this.#requests = new Counter({
      name: name("requests_total"),
      help: "Requests that were answered, by route and status",
      labelNames: ["route", "status"],
      registers,
    });
    this.#tokens = new Counter({
      name: name("tokens_total"),
      help: "Tokens of prompts, and tokens written",
      labelNames: ["kind"],
      registers,
    });
    this.#seconds = new Histogram({
      name: name("request_seconds"),
      help: "Time from a request to the end of its answer",
      labelNames: ["route"],
      buckets: [0.005, 0.02, 0.1, 0.5, 2, 10, 60, 300],
      registers,
    });
    this.#gone = new Counter({ name: name("clients_gone_total"), help: "Requests whose client went away", registers });
    gauge(registers, name("sequences_waiting"), "Sequences and prompts that wait", () => observed.waiting);
    gauge(registers, name("slots_active"), "Slots in which a sequence is being written", () => observed.active);
    gauge(registers, name("slots"), "Slots", () => slots);
  }

  /** @param status 499, as servers count it, for a request whose client went away before the end of the answer */
  answered(route: string, status: number, seconds: number): void {
    this.#requests.inc({ route, status: String(status) });
    this.#seconds.observe({ route }, seconds);
    if (status === CLIENT_GONE) this.#gone.inc();
  }

  wrote(promptTokens: number, completionTokens: number): void {
    this.#tokens.inc({ kind: "prompt" }, promptTokens);
    this.#tokens.inc({ kind: "completion" }, completionTokens);
  }
}

function gauge(registers: Registry[], name: string, help: string, read: () => number): void {
  new Gauge({
    name,
    help,
    registers,
    collect() {
      this.set(read());
    },
  });
}
