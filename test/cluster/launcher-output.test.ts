import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { LauncherOutput } from "../../src/cluster/launcher-output.ts";
import { lateness } from "../../src/cluster/watch-limits.ts";

const RULE = "-".repeat(74);

let written = "";
beforeEach(() => {
  written = "";
  vi.spyOn(process.stderr, "write").mockImplementation((text) => {
    written += String(text);
    return true;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** What is written of a text on stderr, whether a rank is lost, and how often it was said that all end. */
function told(text: string) {
  let endings = 0;
  const output = new LauncherOutput(() => endings++);
  const bytes = Buffer.from(text);
  // In pieces, as a pipe gives it.
  for (let at = 0; at < bytes.length; at += 17) output.notes(bytes.subarray(at, at + 17));
  const { isLost, hasFailed } = output.end();
  return { isLost, hasFailed, endings, written };
}

const block = (...lines: string[]) => [RULE, ...lines, RULE, ""].join("\n");

const ABORTED = block(
  "Primary job  terminated normally, but 1 process returned",
  "a non-zero exit code. Per user-direction, the job has been aborted.",
);

describe("the output of ranks", () => {
  it("is what they say, and one line of how one was lost, without what mpirun adds", () => {
    const lost = "tokenformer: rank 2 on second is gone; all ranks end\n";
    const killed = block("mpirun noticed that process rank 2 with PID 0 on node second exited on signal 9 (Killed).");
    const peer = block("An MPI communication peer process has unexpectedly disconnected.  This", "usually indicates");
    expect(told(`step 1\n${peer}${lost}${lost}${ABORTED}${killed}`)).toEqual({
      isLost: true,
      hasFailed: true,
      endings: 3,
      written: `step 1\n${lost}`,
    });
  });

  it("has once what several say of why they cannot go on", () => {
    const [one, other] = ["tokenformer: no.so: there is no such file\n", "tokenformer: out of memory\n"];
    expect(told(`${one}step 1\n${one}${other}step 1\n${one}`).written).toBe(`${one}step 1\n${other}step 1\n`);
  });

  it("is known to end where all wait for one another, too", () => {
    const written = `tokenformer: ${lateness([])}; all ranks end\n`;
    expect(told(written)).toMatchObject({ endings: 1, written });
  });

  it("has a line where none of them could say it", () => {
    const killed = block(
      "mpirun noticed that process rank 1 with PID 7 on node first exited on signal 11 (Segmentation).",
    );
    expect(told(`${ABORTED}${killed}`)).toEqual({
      isLost: true,
      hasFailed: true,
      endings: 2,
      written: "tokenformer: rank 1 on first was ended by signal 11\n",
    });
    written = "";
    const vanished = block(
      "ORTE has lost communication with a remote daemon.",
      "  HNP daemon   : [[1,0],0] on node first",
      "  Remote daemon: [[1,0],1] on node second",
    );
    expect(told(vanished).written).toBe("tokenformer: the ranks on second cannot be reached\n");
  });

  it("keeps what mpirun says of anything else, and of a command that fails only what that says", () => {
    const slots = block(
      "There are not enough slots available in the system to satisfy the 9 slots",
      "that were requested",
    );
    expect(told(slots)).toEqual({ isLost: false, hasFailed: false, endings: 0, written: slots });
    written = "";
    expect(told("mpirun: Forwarding signal 12 to job\nstep 2\n").written).toBe("step 2\n");
    written = "";
    const status = block("mpirun detected that one or more processes exited with non-zero status, thus causing");
    const fault = "tokenformer: nothing.txt: no such file\n";
    expect(told(`${fault}${ABORTED}${status}`)).toEqual({ isLost: false, hasFailed: true, endings: 2, written: fault });
  });

  it("has all that ranks say: rules, what never ends behind one, half a last line, and letters of several bytes", () => {
    const letters = "žluťoučký kůň\n".repeat(3);
    const endless = `${RULE}\nMPI_ABORT was invoked, they say\n${"and so on\n".repeat(60)}`;
    const fault = "tokenformer: nothing.txt: no such file";
    for (const text of [
      `${RULE}\n${fault}\n`,
      `${RULE}\n${RULE}\n`,
      letters,
      endless,
      `step 1\n${ABORTED}${fault}\n`,
    ]) {
      written = "";
      expect(told(text).written).toBe(text.replace(ABORTED, ""));
    }
    written = "";
    expect(told(`${RULE}\n${ABORTED}${fault}`).written).toBe(`${RULE}\n${fault}\n`);
  });

  it("has what mpirun guesses of an early end only where no rank has said why", () => {
    const guess = block(
      "mpirun has exited due to process rank 1 with PID 0 on",
      "node first exiting improperly. There are three reasons this could occur:",
    );
    expect(told(guess)).toEqual({ isLost: false, hasFailed: false, endings: 1, written: guess });
    written = "";
    const fault = "tokenformer: cannot write logs: permission denied\n";
    expect(told(`${fault}${guess}`).written).toBe(fault);
  });

  it("keeps what one stream says apart from the other's", () => {
    const answers = vi.spyOn(process.stdout, "write").mockReturnValue(true);
    const output = new LauncherOutput(() => undefined);
    output.answers(Buffer.from(`${RULE}\n`));
    output.notes(Buffer.from(ABORTED));
    output.answers(Buffer.from("an answer\n"));
    output.end();
    expect(answers.mock.calls).toEqual([[`${RULE}\n`], ["an answer\n"]]);
    expect(written).toBe("");
  });

  it("leaves MPICH's words out", () => {
    const rule = "=".repeat(83);
    const bad = [
      rule,
      "=   BAD TERMINATION OF ONE OF YOUR APPLICATION PROCESSES",
      "=   PID 5 RUNNING AT first",
      "=   EXIT CODE: 9",
      rule,
    ];
    const after = "YOUR APPLICATION TERMINATED WITH THE EXIT STRING: Killed (signal 9)\n";
    expect(told(`${bad.join("\n")}\n${after}`)).toEqual({
      isLost: true,
      hasFailed: true,
      endings: 1,
      written: "tokenformer: a rank on first was ended by signal 9\n",
    });
  });
});
