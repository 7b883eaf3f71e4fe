import { cp, mkdir, readFile, rename, rm, symlink, utimes, writeFile } from "node:fs/promises";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { useStudioServer } from "../support/studio-server.ts";

const { answer, ask, at, raw, notes } = useStudioServer("runs/first");

interface Listed {
  readonly id: string;
  readonly name: string;
}

async function listed(): Promise<Listed[]> {
  const { runs }: { runs: Listed[] } = JSON.parse(await (await ask("api/runs")).text());
  return runs;
}

const first = async () => `api/runs/${(await listed())[0]?.id}`;

/** Makes metrics look as if they were written so many seconds ago. */
const aged = (seconds: number) => {
  const then = Date.now() / 1000 - seconds;
  return utimes(at("runs/first/metrics.jsonl"), then, then);
};

describe("the list", () => {
  it("says what a run is, and whether it trains", async () => {
    await aged(3600);
    const expected = {
      name: "runs/first",
      directory: at("runs/first"),
      model: "tokenformer, 1 layer of width 16",
      step: 6,
      steps: 6,
      training: false,
      validationLoss: expect.any(Number),
      id: expect.stringMatching(/^[\w-]{16}$/),
    };
    const { parameters } = JSON.parse(await answer("inspect", "runs/first", "--json"));
    expect(await listed()).toEqual([{ ...expected, parameters: parameters.total, changed: expect.any(Number) }]);
    await aged(2);
    expect(await listed()).toMatchObject([{ training: true }]);
  });

  it("has the runs below, but no best/, hidden folders, modules, nor other programs' folders", async () => {
    for (const copy of [
      "a/b/c/deep",
      "a/b/c/d/deeper",
      "node_modules/x",
      ".hidden/x",
      "damaged",
      "runs/first/best/inner",
    ]) {
      await cp(at("runs/first"), at("elsewhere", "run"), { recursive: true });
      await mkdir(at(copy, ".."), { recursive: true });
      await rename(at("elsewhere", "run"), at(copy));
    }
    await writeFile(at("damaged/training.json"), "{");
    await mkdir(at("other"));
    await writeFile(at("other/config.json"), "{}");
    expect((await listed()).map(({ name }) => name)).toEqual(["runs/first", "a/b/c/deep"]);
    await rm(at("a"), { recursive: true });
    expect((await listed()).map(({ name }) => name)).toEqual(["runs/first"]);
  });

  it("follows links to folders, once each", async () => {
    await mkdir(at("scratch/other"), { recursive: true });
    await cp(at("runs/first"), at("elsewhere/linked"), { recursive: true });
    await rename(at("elsewhere"), at("../elsewhere"));
    await symlink(at("../elsewhere"), at("scratch/runs"));
    await symlink(at("../elsewhere/linked"), at("scratch/linked"));
    await symlink(at("scratch"), at("scratch/circle"));
    await symlink(at("nowhere"), at("scratch/broken"));
    expect((await listed()).map(({ name }) => name)).toEqual(["runs/first", "scratch/linked"]);
    await rm(at("scratch"), { recursive: true });
    await rm(at("../elsewhere"), { recursive: true });
  });

  it("says which run to open at once", async () => {
    expect(await (await ask("api/open")).json()).toEqual({ run: (await listed())[0]?.id });
  });
});

describe("files", () => {
  const NAMES = ["config.json", "model.safetensors", "optimizer.safetensors", "tokenizer.json", "training.json"];

  it("are those of the checkpoint, the metrics and the text", async () => {
    const run = await first();
    const { files } = JSON.parse(await (await ask(`${run}/files`)).text());
    expect(files).toEqual([...NAMES, "metrics.jsonl", "text.txt"]);
    for (const name of [...NAMES, "metrics.jsonl"]) {
      const response = await ask(`${run}/files/${name}`);
      expect(response.status).toBe(200);
      expect(Buffer.from(await response.arrayBuffer()).equals(await readFile(at("runs/first", name)))).toBe(true);
    }
    expect(await (await ask(`${run}/files/text.txt`)).text()).toBe(await readFile(at("text.txt"), "utf8"));
  });

  it("have no text where it is gone", async () => {
    const run = await first();
    await rename(at("text.txt"), at("moved.txt"));
    const { files } = JSON.parse(await (await ask(`${run}/files`)).text());
    await rename(at("moved.txt"), at("text.txt"));
    expect(files).toEqual([...NAMES, "metrics.jsonl"]);
  });

  it("are of one checkpoint: others are refused by the version", async () => {
    const run = await first();
    const version = async () => JSON.parse(await (await ask(`${run}/files`)).text()).version;
    const before = await version();
    expect((await ask(`${run}/files/config.json?version=${before}`)).status).toBe(200);
    await answer("train", "--resume", "--out", "runs/first", "--set", "training.steps=8");
    expect(await version()).not.toBe(before);
    const refused = await ask(`${run}/files/config.json?version=${before}`);
    expect(refused.status).toBe(409);
    expect(await refused.json()).toEqual({ error: "the run was saved meanwhile; ask for its files again" });
  });

  it("are read where a commit under way has them, with the version that they keep", async () => {
    const run = await first();
    const version = async () => JSON.parse(await (await ask(`${run}/files`)).text()).version;
    const before = await version();
    await mkdir(at("runs/first/.commit"));
    for (const name of ["config.json", "model.safetensors"]) {
      await rename(at("runs/first", name), at("runs/first/.commit", name));
    }
    expect(await version()).toBe(before);
    expect((await ask(`${run}/files/config.json?version=${before}`)).status).toBe(200);
    for (const name of ["config.json", "model.safetensors"]) {
      await rename(at("runs/first/.commit", name), at("runs/first", name));
    }
    await rm(at("runs/first/.commit"), { recursive: true });
  });

  it("are no others, whatever their names", async () => {
    const run = await first();
    await writeFile(at("runs/first/secret.txt"), "secret");
    await writeFile(at("secret.txt"), "secret");
    const piece = fc.constantFrom(
      "..",
      ".",
      "/",
      "\\",
      "%2e%2e",
      "%2f",
      "%5c",
      "%00",
      "secret.txt",
      "config.json",
      "best",
      "~",
      "",
    );
    const names = fc.oneof(
      fc.array(piece, { minLength: 1, maxLength: 8 }).map((pieces) => pieces.join("")),
      fc.array(piece, { minLength: 1, maxLength: 8 }).map((pieces) => pieces.join("/")),
      fc.string({ minLength: 1 }).map(encodeURIComponent),
    );
    const config = await readFile(at("runs/first/config.json"), "utf8");
    const page = (await raw("/")).body;
    await fc.assert(
      fc.asyncProperty(names, async (name) => {
        const { status, body } = await raw(`/${run}/files/${name}`);
        expect(body).not.toContain("secret");
        // What leads back to the root is the page.
        if (status === 200 && body !== page) expect([config, JSON.stringify(JSON.parse(body))]).toContain(body);
      }),
      { numRuns: 300, examples: [["../../../.."]] },
    );
    expect((await raw(`/${run}/files/secret.txt`)).status).toBe(404);
    expect((await raw(`/${run}/files/%2e%2e%2fsecret.txt`)).status).toBe(404);
    expect((await raw(`/${run}/files/..%2f..%2f..%2f..%2fetc%2fpasswd`)).status).toBe(404);
  });

  it("of a run that was moved, are not found", async () => {
    await cp(at("runs/first"), at("runs/second"), { recursive: true });
    const second = `api/runs/${(await listed()).find(({ name }) => name === "runs/second")?.id}`;
    const { version } = JSON.parse(await (await ask(`${second}/files`)).text());
    await rename(at("runs/second"), at("../second"));
    for (const path of ["files", "files/config.json", "files/metrics.jsonl", `files/config.json?version=${version}`]) {
      const response = await ask(`${second}/${path}`);
      expect([response.status, await response.json()]).toEqual([
        404,
        { error: "there is no such run; it may have been moved" },
      ]);
    }
    await rm(at("../second"), { recursive: true });
  });

  it("of runs that there are not, are not found", async () => {
    for (const path of [
      "api/runs/nothing/files",
      "api/metrics?run=nothing",
      "api/metrics",
      "api/runs/..%2f/files/config.json",
    ]) {
      const response = await ask(path);
      expect(response.status).toBe(404);
      expect(await response.json()).toEqual({ error: "there is no such run; it may have been moved" });
    }
    expect(notes).toEqual([]);
  });
});
