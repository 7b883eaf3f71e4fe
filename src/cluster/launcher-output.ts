/** The output of ranks, without what an `mpirun` says around it when they end. */

import { lineReader } from "./watch-messages.ts";

/** The rules between which Open MPI and MPICH put what they say. */
const RULE = /^(-{50,}|={50,})$/;

/** What they say when a rank has ended: nothing that helps beside what a rank says itself. */
const NOISE =
  /Primary job\s+terminated normally|exited with non-zero status|exited on signal|BAD TERMINATION|MPI_ABORT was invoked|lost communication with a remote daemon/;

/** What a rank of Open MPI says of another that it no longer reaches; ranks notice that by themselves. */
const DISCONNECTED = /peer process has unexpectedly disconnected/;

const OF_OPEN_MPI = /process rank (\d+) with PID \d+ on node (\S+) exited on signal (\d+)/;
const OF_MACHINE = /Remote daemon: \S+ on node (\S+)/;
const OF_MPICH = /RUNNING AT (\S+)\s+=\s+EXIT CODE: (\d+)/;

/** What follows MPICH's, without a rule. */
const AFTER_MPICH = /^(YOUR APPLICATION TERMINATED|This typically refers to|Please see the FAQ page)/;

/** Lines of Open MPI without a rule. */
const NOISY_LINE = /^\S+: Forwarding signal \d+ to job$|plm:rsh: Warning: setpgid/;

/** What a rank says of another that it has lost. */
const LOST = /^tokenformer: rank \d+ on \S+ .*; all ranks end$/;

export class LauncherOutput {
  readonly #answers = lineReader((line) => this.#line(line, process.stdout));
  readonly #notes = lineReader((line) => this.#line(line, process.stderr));
  #block: string[] | undefined;
  #death: string | undefined;
  #isTold = false;
  readonly #onEnd: () => void;

  /** @param onEnd is called, perhaps several times, when a rank or the `mpirun` says that one has ended, and so will all */
  constructor(onEnd: () => void) {
    this.#onEnd = onEnd;
  }

  answers(chunk: Buffer): void {
    this.#answers(chunk);
  }

  notes(chunk: Buffer): void {
    this.#notes(chunk);
  }

  /** Says how a rank died, where none has. Returns whether one did. */
  end(): { readonly isLost: boolean } {
    if (!this.#isTold && this.#death !== undefined) process.stderr.write(`tokenformer: ${this.#death}\n`);
    return { isLost: this.#isTold || this.#death !== undefined };
  }

  #line(line: string, stream: NodeJS.WriteStream): void {
    if (RULE.test(line)) this.#rule(stream, line);
    else if (this.#block !== undefined) this.#block.push(line);
    else if (AFTER_MPICH.test(line) || NOISY_LINE.test(line)) return;
    else if (!LOST.test(line)) stream.write(`${line}\n`);
    else if (!this.#isTold) {
      this.#isTold = true;
      this.#onEnd();
      stream.write(`${line}\n`);
    }
  }

  #rule(stream: NodeJS.WriteStream, rule: string): void {
    if (this.#block === undefined) {
      this.#block = [];
      return;
    }
    const text = this.#block.join("\n");
    this.#block = undefined;
    if (NOISE.test(text)) this.#onEnd();
    else if (!DISCONNECTED.test(text)) stream.write(`${rule}\n${text}\n${rule}\n`);
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
