/** Who takes turns in a benchmark of training steps. */

import { fileURLToPath } from "node:url";
import { z } from "zod";
import type { Precision } from "../../tensor/index.ts";
import { openPeer, type Peer } from "./peer.ts";

/** Something that makes steps. */
export interface Side {
  readonly name: string;
  /** Floating-point operations of its step. Default: as many as the formula says. */
  readonly flops?: number;
  /** The precision of its matrix products. Default: float32. */
  readonly precision?: Precision;
  /** The vector instructions that it uses, such as "AVX-512". Default: not known. */
  readonly instructions?: string | undefined;
  /** Makes some steps: seconds of each, and the losses before them, where it has some. */
  steps(count: number): Promise<Steps>;
  /** The most resident memory so far, in bytes. */
  memory(): Promise<number>;
  close(): Promise<void>;
}

const stepsSchema = z.object({ seconds: z.array(z.number()), losses: z.array(z.number()).default([]) });

export type Steps = z.infer<typeof stepsSchema>;

const memorySchema = z.object({ peakBytes: z.number() });

export interface PeerOptions extends Pick<Side, "instructions"> {
  /** Variables beside those of this process. Default: none. */
  readonly environment?: Readonly<Record<string, string>>;
}

/**
 * A program in a process of its own, which answers `step K` with `{"seconds": [...], "losses": [...]}` and `memory` with
 * `{"peakBytes": N}`.
 */
export function peerSide(name: string, command: string, given: readonly string[], options: PeerOptions = {}): Side {
  const peer: Peer = openPeer(command, given, options.environment);
  return {
    name,
    instructions: options.instructions,
    steps: async (count) => stepsSchema.parse(await peer.ask(`step ${count}`)),
    memory: async () => memorySchema.parse(await peer.ask("memory")).peakBytes,
    close: () => peer.quit(),
  };
}

/** A task of this package in a process of its own: see `child.ts`. */
export const ownArguments = (task: string, ...given: readonly string[]): string[] => [
  fileURLToPath(new URL("./child.js", import.meta.url)),
  task,
  ...given,
];
