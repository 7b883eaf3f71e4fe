/** Damaged files of every format that is read: each read succeeds or is refused in one line, within limits of time and memory. */

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { mutationSubjects } from "../support/mutation-subjects.ts";
import { tryMutation } from "../support/mutation-trials.ts";
import { check, type Part, type Setting, type Trials } from "./part.ts";

/** Files of a trial. */
const AT_ONCE = 100;

export const files: Part = {
  name: "files",
  title:
    "damaged weights, tokenizers, configurations, token files and runs: each is read, or refused in one line, within 2 s of processor time and 300 MB",
  async begin({ folder, short, random }: Setting): Promise<Trials> {
    const subjects = await mutationSubjects(join(folder, "subjects"));
    const seed = random.integer(2 ** 31);
    const copies = join(folder, "copies");
    await mkdir(copies);
    return {
      count: short ? 1 : 1000,
      trial: async (index) => {
        for (let number = index * AT_ONCE; number < (index + 1) * AT_ONCE; number++) {
          const subject = subjects[number % subjects.length];
          if (subject === undefined) throw new Error("there is nothing to damage");
          const finding = await tryMutation(subject, { seed, number, folder: copies });
          check(finding === undefined, () => `${finding?.subject}, file ${number} of seed ${seed}: ${finding?.reason}`);
        }
        return { files: AT_ONCE };
      },
      close: () => Promise.resolve(),
    };
  },
};
