/** Names of what is half written. They tell whose it is, so that what a process left that is gone can be removed. */

import { createHash, randomBytes } from "node:crypto";
import { asWord, ownIdentity, type ProcessIdentity } from "./processes.ts";

/** The process that made up a temporary name. */
export interface TemporaryOwner extends Pick<ProcessIdentity, "pid" | "started"> {
  /** Whether it is one of this system; undefined where the name, of an older version, tells neither that nor the start. */
  readonly isHere: boolean | undefined;
}

const TEMPORARY = /^\.writing-(\d+)-(?:([0-9A-Za-z]*)-([0-9a-f]{8})-)?[0-9a-f]{8}$/;

/**
 * A fresh name for something half written: `.writing-<process id>-<its start>-<its system>-<random>`. {@link temporaryOwner} reads it
 * back.
 */
export async function temporaryName(): Promise<string> {
  const { pid, started } = await ownIdentity();
  return `.writing-${pid}-${asWord(started)}-${await ownSystem()}-${randomBytes(4).toString("hex")}`;
}

/** Whose the temporary name `name` is, or undefined where it is not a temporary one. */
export async function temporaryOwner(name: string): Promise<TemporaryOwner | undefined> {
  const [, pid, started = "", system] = TEMPORARY.exec(name) ?? [];
  if (pid === undefined) return undefined;
  return { pid: Number(pid), started, isHere: system === undefined ? undefined : system === (await ownSystem()) };
}

async function ownSystem(): Promise<string> {
  const { system } = await ownIdentity();
  return createHash("sha256").update(system).digest("hex").slice(0, 8);
}
