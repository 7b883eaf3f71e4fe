/** Damaged files of every format; `npm run torture` tries many more. */

import { expect, it } from "vitest";
import { Random } from "../../src/random.ts";
import { useSharedFolder } from "../support/folder.ts";
import { mutationSubjects } from "../support/mutation-subjects.ts";
import { tryMutation } from "../support/mutation-trials.ts";
import { type FileKind, mutate } from "../support/mutations.ts";

const at = useSharedFolder();

/** Trials for each subject. */
const TRIALS = 20;

it("every format's files are read as they are", async () => {
  for (const { name, folder, read } of await mutationSubjects(at("whole"))) {
    await expect(read(folder), name).resolves.not.toThrow();
  }
});

it("damaged files are refused in one line, or read", async () => {
  const subjects = await mutationSubjects(at("subjects"));
  const findings = [];
  for (const [index, subject] of subjects.entries()) {
    for (let trial = 0; trial < TRIALS; trial++) {
      const finding = await tryMutation(subject, {
        seed: 1,
        number: trial * subjects.length + index,
        folder: at("trials"),
      });
      if (finding !== undefined) findings.push(finding);
    }
  }
  expect(findings).toEqual([]);
});

it("a mutation is known by its seed, and changes the file", () => {
  const json = Buffer.from('{"a":[1,2,{"b":"text"}],"c":null}');
  const header = Buffer.concat([Buffer.from([json.length, 0, 0, 0, 0, 0, 0, 0]), json, Buffer.from([1, 2, 3])]);
  const files: [FileKind, Buffer][] = [
    ["bytes", header],
    ["json", json],
    ["lines", json],
    ["yaml", json],
    ["safetensors", header],
  ];
  for (const [kind, bytes] of files) {
    const copies = Array.from({ length: 50 }, (_, seed) => mutate(bytes, kind, Random.from("test", seed)));
    expect(copies).toEqual(copies.map((_, seed) => mutate(bytes, kind, Random.from("test", seed))));
    expect(copies.filter((copy) => !bytes.equals(copy)).length).toBeGreaterThan(40);
    expect(new Set(copies.map((copy) => Buffer.from(copy).toString("hex"))).size).toBeGreaterThan(40);
  }
});

it("a trial finds what is no message for people", async () => {
  const [subject] = await mutationSubjects(at("found"));
  if (subject === undefined) throw new Error("internal: there is no subject");
  const options = { seed: 1, number: 1, folder: at("findings") };
  const fault = await tryMutation(
    { ...subject, read: () => Promise.reject(new TypeError("x is not iterable")) },
    options,
  );
  expect(fault).toMatchObject({
    subject: "safetensors",
    reason: expect.stringContaining("TypeError: x is not iterable"),
  });
  const large = await tryMutation(
    { ...subject, read: async () => Buffer.alloc(2 ** 22, 1) },
    { ...options, limits: { seconds: 0, megabytes: 0 } },
  );
  expect(large?.reason).toMatch(/^took [\d.]+ (?:s|MB)$/);
});
