/** Conversations in the terminal. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { beforeAll, describe, expect, it } from "vitest";
import { TINY, useCommandLine } from "../support/command-line.ts";

const { answer, at, main, run } = useCommandLine();

beforeAll(async () => {
  await answer(
    "train",
    ...TINY,
    "--set",
    "model.context=64",
    "--data",
    "text.txt",
    "--out",
    "run",
    "--tokenizer",
    "bpe:300",
  );
});

/** What `chat` writes to both outputs for what is typed. */
async function chat(typed: string, ...options: readonly string[]) {
  const child = spawn(process.execPath, [main, "chat", "run", "--tokens", "5", "--temperature", "0", ...options], {
    cwd: at(),
  });
  child.stdin.end(typed);
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  return { stdout, stderr, code };
}

const PLAIN = "the model was trained with no chat template: it goes on from roles and messages as from any text\n";

describe("chat", () => {
  it("answers each line that says something, on a line of its own, and forgets what has no room", async () => {
    const { stdout, stderr, code } = await chat("ahoy\n\nthe whale\nthe sea\nwho\n", "--system", "sail");
    expect({ stderr, code }).toEqual({ stderr: PLAIN, code: 0 });
    expect(stdout.split("\n").length).toBeGreaterThanOrEqual(5);
  });

  it("tells what is too long, and goes on", async () => {
    const [alone, after] = await Promise.all([chat("ahoy\n"), chat(`${"xyz ".repeat(40)}\nahoy\n`)]);
    expect(after.stderr).toMatch(
      /\nthe message has \d+ tokens with its template, and the model's context 64, expected fewer; say it shorter\n$/,
    );
    expect(after).toMatchObject({ stdout: alone.stdout, code: 0 });
  });

  it("speaks by the template of the tokenizer's settings, and by no other", async () => {
    const template = "{% for message in messages %}{{ message.content }}{% endfor %}";
    await writeFile(at("run", "tokenizer_config.json"), JSON.stringify({ chat_template: template }));
    const { stdout, stderr } = await chat("ahoy\n");
    const expected = await answer("sample", "run", "--prompt", "ahoy", "--tokens", "5", "--temperature", "0");
    expect({ stdout: `ahoy${stdout}`, stderr }).toEqual({ stdout: expected, stderr: "" });
    await writeFile(at("run", "tokenizer_config.json"), '{"chat_template": "{{"}');
    const broken = await run("chat", "run");
    expect(broken).toMatchObject({ code: 1, stdout: "" });
    expect(broken.stderr).toMatch(/^tokenformer: the chat template of the tokenizer is none \(.*\)/);
  });

  it("refuses replies of no token", async () => {
    expect(await run("chat", "run", "--tokens", "0")).toMatchObject({
      code: 1,
      stderr: "tokenformer: --tokens 0: expected a whole number from 1\n",
    });
  });
});
