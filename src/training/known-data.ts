/** What a run knows of its data: for its checkpoints, and to notice that they have changed. */

import type { Checkpoint } from "../checkpoint/portable.ts";
import { absoluteData, contentChange, contentOf, isCorpus } from "../data/index.ts";
import { type DataSource, nameOfData } from "../data/portable.ts";
import { sameJson } from "../formats/index.ts";
import type { Corpus } from "../text/index.ts";

type KnownData = Pick<Checkpoint, "dataName" | "data" | "content">;

/**
 * How a checkpoint names data, so that the run can go on from another folder, and what they are.
 * @param corpus what was opened of them
 */
export function knownData(data: DataSource | Corpus, corpus: Corpus): KnownData {
  const content = contentOf(corpus);
  if (isCorpus(data)) return { dataName: data.name, content };
  const absolute = absoluteData(data);
  return { dataName: nameOfData(absolute), data: absolute, content };
}

/** How data differ from those of a checkpoint, under the same name. */
export function changeOfData(before: Checkpoint | undefined, now: KnownData): string | undefined {
  if (before?.content === undefined || now.content === undefined) return undefined;
  const isSame = before.dataName === now.dataName && sameJson(before.data, now.data);
  return isSame ? contentChange(before.content, now.content) : undefined;
}
