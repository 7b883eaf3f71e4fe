/** Two "hosts" on this machine: network namespaces, joined by a virtual link that a token bucket limits. For root on Linux. */

import { execFile } from "node:child_process";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

const HOSTS = [
  { namespace: "tokenformer-0", device: "tokenformer0", address: "10.231.7.1", core: 0 },
  { namespace: "tokenformer-1", device: "tokenformer1", address: "10.231.7.2", core: 1 },
] as const;

type Host = (typeof HOSTS)[number];

const inside = ({ namespace }: Host, ...words: readonly string[]) => run("ip", ["netns", "exec", namespace, ...words]);

/** What starts something in a host, with a name and a core of its own. */
const enter = ({ namespace, core }: Host, command: string) =>
  `ip netns exec ${namespace} unshare --uts sh -c 'hostname ${namespace}; exec taskset -c ${core} sh -c "$0"' ${command}`;

export class NamespaceHosts {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async open(): Promise<NamespaceHosts> {
    const [one, other] = HOSTS;
    for (const { namespace } of HOSTS) await run("ip", ["netns", "add", namespace]);
    const pair = [one.device, "netns", one.namespace, "type", "veth", "peer", "name", other.device];
    await run("ip", ["link", "add", ...pair, "netns", other.namespace]);
    for (const host of HOSTS) {
      await inside(host, "ip", "addr", "add", `${host.address}/24`, "dev", host.device);
      for (const device of ["lo", host.device]) await inside(host, "ip", "link", "set", device, "up");
    }
    const folder = await mkdtemp(join(tmpdir(), "tokenformer-network-"));
    // Open MPI calls it with the name of a host and a command for a shell there.
    const agent = `#!/bin/sh\nshift\n${enter(other, '"$*"')}\n`;
    await writeFile(join(folder, "agent"), agent);
    await chmod(join(folder, "agent"), 0o755);
    return new NamespaceHosts(folder);
  }

  /** @param megabits a second in each direction; `undefined`: no limit */
  async limit(megabits: number | undefined): Promise<void> {
    for (const host of HOSTS) {
      await inside(host, "tc", "qdisc", "del", "dev", host.device, "root").catch(() => undefined);
      if (megabits === undefined) continue;
      // A bucket of 2 ms, so that what is saved up between two updates is little.
      const burst = Math.max(16_000, Math.round((megabits * 1e6 * 0.002) / 8));
      const bucket = ["rate", `${megabits}mbit`, "burst", String(burst), "latency", "100ms"];
      await inside(host, "tc", "qdisc", "add", "dev", host.device, "root", "tbf", ...bucket);
    }
  }

  /** Runs a program as a rank on each host. Returns what it printed, and the bytes that the first host sent meanwhile. */
  async run(words: readonly string[]): Promise<{ readonly output: string; readonly bytes: number }> {
    const [one, other] = HOSTS;
    const options = {
      plm_rsh_agent: join(this.#folder, "agent"),
      btl: "tcp,self",
      btl_tcp_if_include: "10.231.7.0/24",
      oob_tcp_if_include: "10.231.7.0/24",
      mpi_yield_when_idle: "1",
    };
    const mpirun = [
      ...[
        "mpirun",
        "--allow-run-as-root",
        "--bind-to",
        "none",
        "--host",
        `${one.address}:1,${other.address}:1`,
        "-np",
        "2",
      ],
      ...Object.entries(options).flatMap(([name, value]) => ["--mca", name, value]),
      ...words,
    ];
    const before = await this.#sent();
    const command = `'${mpirun.join(" ")}'`;
    const { stdout } = await run("sh", ["-c", enter(one, command)]);
    return { output: stdout, bytes: (await this.#sent()) - before };
  }

  async close(): Promise<void> {
    for (const { namespace } of HOSTS) await run("ip", ["netns", "del", namespace]);
    await rm(this.#folder, { recursive: true });
  }

  async #sent(): Promise<number> {
    const [one] = HOSTS;
    const { stdout } = await inside(one, "cat", `/sys/class/net/${one.device}/statistics/tx_bytes`);
    return Number(stdout);
  }
}
