/** The runs on this computer, as they change, and those of them that were opened here. */

import { signal } from "@preact/signals";
import { z } from "zod";
import type { TextChoice } from "../../engine/api.ts";
import { doing, take } from "../store/actions.ts";
import { addressOfComputerRun, addressOfRun, goTo } from "../store/address.ts";
import { summaries } from "../store/state.ts";
import { type ComputerRun, computerRuns, filesOf, namedRun, type RunFiles } from "./api.ts";

/** undefined: the page's host tells of none, or has not answered yet. */
export const onThisComputer = signal<readonly ComputerRun[] | undefined>(undefined);

/** Whether there was an answer, or it is known that none will come. */
export const hasLooked = signal(false);

/** Milliseconds between two looks. */
const LOOK_EVERY = 8000;

/** Looks again and again, where there is something to look at. Returns what ends it. */
export function keepLooking(): () => void {
  const timer = setInterval(() => {
    if (onThisComputer.peek() !== undefined && !document.hidden) void look();
  }, LOOK_EVERY);
  void look();
  return () => clearInterval(timer);
}

async function look(): Promise<void> {
  onThisComputer.value = (await computerRuns()) ?? onThisComputer.peek();
  hasLooked.value = true;
}

/** Follows the run that the command named, unless the visitor is elsewhere already. */
export async function openNamed(): Promise<void> {
  if (location.hash !== "" && location.hash !== "#/") return;
  const id = await namedRun();
  if (id !== undefined) goTo(addressOfComputerRun(id));
}

/**
 * Copies a run into the page, and shows it; one that has been copied and has not changed since is shown as it is.
 * @returns whether it could be opened
 */
export async function branchHere({ id, name }: ComputerRun, text?: TextChoice): Promise<boolean> {
  const files = await doing(`read ${id}`, () => filesOf(id));
  if (files === undefined) return false;
  const copy = copyOf(id, files) ?? (await take(await branchName(name, files), files.files, text));
  if (copy === undefined) return false;
  remember(id, files, copy);
  goTo(addressOfRun(copy));
  return true;
}

const trainingSchema = z.object({ step: z.number() });

/** The last folders of its path are enough to know it by. The list may be older than the files. */
async function branchName(name: string, { files }: RunFiles): Promise<string> {
  const training = await files.find((file) => file.name === "training.json")?.data.text();
  const { step } = trainingSchema.parse(JSON.parse(training ?? "{}"));
  return `${name.split("/").slice(-2).join("/")}, branched at step ${step}`;
}

// ---- copies -----------------------------------------------------------------------------------------------------------

const copySchema = z.object({ version: z.string(), run: z.string() });

const keyOf = (id: string) => `copy of ${id}`;

/** The copy of this version of a run, where it is still kept. */
function copyOf(id: string, { version }: RunFiles): string | undefined {
  try {
    const { data } = copySchema.safeParse(JSON.parse(localStorage.getItem(keyOf(id)) ?? "null"));
    const kept = summaries.peek().some((summary) => summary.id === data?.run);
    return kept && data?.version === version ? data.run : undefined;
  } catch {
    // Storage is forbidden, or holds something else.
    return undefined;
  }
}

function remember(id: string, { version }: RunFiles, run: string): void {
  try {
    localStorage.setItem(keyOf(id), JSON.stringify({ version, run }));
  } catch {
    // It will be copied once more the next time.
  }
}
