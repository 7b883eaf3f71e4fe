/** The output of ranks, without what an `mpirun` says around it when they end. */

import { LineReader } from "./line-reader.ts";

/** The rules between which Open MPI and MPICH put what they say, and ranks what they like. */
const RULE = /^(-{50,}|={50,})$/;

/** More lines than either says between two of them. */
const LONGEST_BLOCK = 50;

/** How they begin to say that a rank has ended: nothing that helps beside what a rank says itself. */
const NOISE =
  /Primary job\s+terminated normally|exited with non-zero status|exited on signal|BAD TERMINATION|MPI_ABORT was invoked|lost communication with a remote daemon/;

/** How a rank of Open MPI begins to speak of another that it no longer reaches; ranks notice that by themselves. */
const DISCONNECTED = /peer process has unexpectedly disconnected/;

/** How Open MPI begins to guess, at length, why a rank has ended before all had joined: nothing beside what that rank has said. */
const GUESS = /has exited due to (a )?process/;

const BLOCKS = [NOISE, DISCONNECTED, GUESS];

const OF_OPEN_MPI = /process rank (\d+) with PID \d+ on node (\S+) exited on signal (\d+)/;
const OF_MACHINE = /Remote daemon: \S+ on node (\S+)/;
const OF_MPICH = /RUNNING AT (\S+)\s+=\s+EXIT CODE: (\d+)/;

/** What follows MPICH's, without a rule. */
const AFTER_MPICH = /^(YOUR APPLICATION TERMINATED|This typically refers to|Please see the FAQ page)/;

/** Lines of Open MPI without a rule. */
const NOISY_LINE = /^\S+: Forwarding signal \d+ to job$|plm:rsh: Warning: setpgid/;

/** What ranks say when they cannot go on; not that one was stopped for a while, and goes on. */
const REASON = /^tokenformer: (?!.* was stopped for \d+ s; it goes on)/;

/** What a rank says of another that it has lost, or of all. */
const LOST = /^tokenformer: (?:rank \d+ on \S+|the ranks wait for) .*; all ranks end$/;

export class LauncherOutput {
  readonly #answers = this.#linesTo(process.stdout);
  readonly #notes = this.#linesTo(process.stderr);
  #death: string | undefined;
  /** What ranks have said so far of why they cannot go on: several may say the same. */
  readonly #reasons = new Set<string>();
  #isTold = false;
  readonly #onEnd: () => void;

  /** @param onEnd is called, perhaps several times, when a rank or the `mpirun` says that one has ended, and so will all */
  constructor(onEnd: () => void) {
    this.#onEnd = onEnd;
  }

  answers(chunk: Buffer): void {
    this.#answers.read(chunk);
  }

  notes(chunk: Buffer): void {
    this.#notes.read(chunk);
  }

  /** Says how a rank died, where none has. Returns whether one did, and whether any has said why it cannot go on. */
  end(): { readonly isLost: boolean; readonly hasFailed: boolean } {
    this.#answers.end();
    this.#notes.end();
    if (!this.#isTold && this.#death !== undefined) process.stderr.write(`tokenformer: ${this.#death}\n`);
    const isLost = this.#isTold || this.#death !== undefined;
    return { isLost, hasFailed: isLost || this.#reasons.size > 0 };
  }

  #linesTo(stream: NodeJS.WriteStream): StreamOfRanks {
    return new StreamOfRanks(
      (line) => this.#line(line, stream),
      (block) => this.#block(block, stream),
    );
  }

  #line(line: string, stream: NodeJS.WriteStream): void {
    if (AFTER_MPICH.test(line) || NOISY_LINE.test(line)) return;
    if (LOST.test(line)) {
      if (this.#isTold) return;
      this.#isTold = true;
      this.#onEnd();
    }
    if (REASON.test(line)) {
      if (this.#reasons.has(line)) return;
      this.#reasons.add(line);
    }
    stream.write(`${line}\n`);
  }

  #block(block: readonly string[], stream: NodeJS.WriteStream): void {
    const text = block.join("\n");
    if (!DISCONNECTED.test(text)) this.#onEnd();
    if (GUESS.test(text) && this.#reasons.size === 0) stream.write(`${text}\n`);
    const [, rank, host, signal] = OF_OPEN_MPI.exec(text) ?? [];
    if (rank !== undefined) this.#death ??= `rank ${rank} on ${host} was ended by signal ${signal}`;
    const [, vanished] = OF_MACHINE.exec(text) ?? [];
    if (vanished !== undefined) this.#death ??= `the ranks on ${vanished} cannot be reached`;
    const [, machine, code] = OF_MPICH.exec(text) ?? [];
    // MPICH says so of every end that is not orderly, of ranks that have said why, too.
    if (machine !== undefined && Number(code) > 1 && Number(code) < 64) {
      this.#death ??= `a rank on ${machine} was ended by signal ${code}`;
    }
  }
}

/** A stream of ranks, among whose lines are blocks of their `mpirun`: a rule, a line by which they are known, others, and a rule. */
class StreamOfRanks {
  readonly #onLine: (line: string) => void;
  readonly #onBlock: (block: readonly string[]) => void;
  readonly #lines = new LineReader((line) => this.#line(line));
  /** What has begun with a rule: a block, once there is more than that. */
  #begun: string[] = [];

  constructor(onLine: (line: string) => void, onBlock: (block: readonly string[]) => void) {
    this.#onLine = onLine;
    this.#onBlock = onBlock;
  }

  read(chunk: Buffer): void {
    this.#lines.read(chunk);
  }

  end(): void {
    this.#lines.end();
    this.#giveBack();
  }

  #line(line: string): void {
    const begun = this.#begun;
    const isRule = RULE.test(line);
    if (begun.length > 1 && isRule) {
      this.#begun = [];
      this.#onBlock([...begun, line]);
    } else if (begun.length > 1 || (begun.length === 1 && BLOCKS.some((block) => block.test(line)))) {
      begun.push(line);
      if (begun.length > LONGEST_BLOCK) this.#giveBack();
    } else {
      this.#giveBack();
      if (isRule) this.#begun = [line];
      else this.#onLine(line);
    }
  }

  /** What has begun is no block. */
  #giveBack(): void {
    const lines = this.#begun;
    this.#begun = [];
    for (const line of lines) this.#onLine(line);
  }
}
