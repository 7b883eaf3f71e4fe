/** The engine in Chromium on WebAssembly: runs train, grow, are kept, and move between the browser and the command line. */

import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { unzipSync } from "fflate";
import { describe, expect, it } from "vitest";
import type { RunView, TrainingPoint } from "../../studio/src/engine/api.ts";
import { describeInBrowser, useBrowser } from "../support/browser.ts";
import { TINY, useCommandLine } from "../support/command-line.ts";
import { type EnginePage, enginePage, TINY_CHOICES, useEnginePage } from "../support/engine-page.ts";

const commandLine = useCommandLine();

/** The text of the command line's tests, as a visitor's. */
async function ownText() {
  return { kind: "own", name: "text.txt", text: await readFile(commandLine.at("text.txt"), "utf8") } as const;
}

/** Updates whose losses are compared, at least: after many more, the roundings of two runtimes have grown. */
const COMPARED = 20;

/** Checks the losses of a browser's points, each a mean over updates, against those of the command line's updates. */
function expectSameLosses(points: readonly TrainingPoint[], records: readonly Record<string, unknown>[], from: number) {
  const losses = new Map(records.flatMap(({ step, loss }) => (typeof loss === "number" ? [[step, loss]] : [])));
  let [before, compared] = [from, 0];
  for (const { step, loss } of points.filter((point) => point.step > from)) {
    const updates = Array.from({ length: step - before }, (_, index) => losses.get(before + 1 + index) ?? Number.NaN);
    before = step;
    if (updates.some(Number.isNaN) || compared >= COMPARED) break;
    expect(Math.abs(loss - updates.reduce((sum, x) => sum + x, 0) / updates.length)).toBeLessThan(1e-3);
    compared += updates.length;
  }
  expect(compared).toBeGreaterThanOrEqual(COMPARED);
}

describeInBrowser("the engine", () => {
  const browser = useBrowser();
  const { open, shared } = useEnginePage(browser);

  it("trains, grows without a jump, and goes back", async () => {
    const { call, told, trainTo, waitFor, environment } = await open("wasm", { cores: 2 });
    expect(environment).toMatchObject({ backend: "wasm", device: "WebAssembly, 2 threads" });
    const gallery = { kind: "gallery", key: "moby-dick" } as const;
    const { summary, sites } = await call("create", { ...TINY_CHOICES, text: gallery });
    const trained = await trainTo(summary.id, 120);
    expect(trained.training.at(-1)?.loss).toBeLessThan((trained.validation[0]?.loss ?? 0) - 1);
    expect(trained.samples.at(-1)?.text.length).toBeGreaterThan(20);

    const request = { add: { query: 16, feedForward: 40 }, init: "zero-key" } as const;
    const preview = await call("previewGrowth", summary.id, request);
    const grown = await call("grow", summary.id, request);
    const [growth] = grown.growths;
    expect(growth).toMatchObject({ step: trained.summary.step, parametersAfter: preview.parametersAfter });
    expect(growth?.maxLogitDifference).toBeLessThan(1e-5 * (growth?.logitScale ?? 0));
    expect(growth?.lossAfter).toBeCloseTo(growth?.lossBefore ?? 0, 5);
    expect(grown).toMatchObject({ undoable: true, usage: [{ generations: [{ born: 0 }, { born: growth?.step }] }] });

    const on = await trainTo(summary.id, trained.summary.step + 60);
    // The loss of one batch strays by more than growth may change it: several are compared.
    const latest = on.training.slice(-10).map(({ loss }) => loss);
    expect(latest.reduce((sum, loss) => sum + loss, 0) / latest.length).toBeLessThan((growth?.lossAfter ?? 0) + 0.1);
    // The first updates of the new tokens undo nothing of what was learnt.
    for (const { step, loss } of on.validation.filter((point) => point.step > trained.summary.step))
      expect(loss, `step ${step}`).toBeLessThan((growth?.lossBefore ?? 0) + 0.02);
    expect(on.training.map(({ step }) => step)).toEqual(on.training.map(({ step }) => step).toSorted((a, b) => a - b));

    const back = await call("undoGrowth", summary.id);
    expect(back).toMatchObject({ undoable: false, growths: [], sites, summary: { step: trained.summary.step } });
    expect(back.training).toEqual(trained.training);
    expect((await told("changed")).at(-1)?.view.summary.parameters).toBe(trained.summary.parameters);

    // Of two growths the last can be undone, and then no other.
    await call("grow", summary.id, request);
    expect(await call("grow", summary.id, request)).toMatchObject({ undoable: true });
    const once = await call("undoGrowth", summary.id);
    expect(once.growths).toHaveLength(1);
    expect(once.undoable).toBe(false);

    // One that cannot be undone trains on.
    await call("start", summary.id);
    await expect(call("undoGrowth", summary.id)).rejects.toThrow("no growth to undo");
    await waitFor(`events.at(-1).type === "training"`);
    await call("pause", summary.id);
    await expect(call("undoGrowth", summary.id)).rejects.toThrow("no growth to undo");
    expect((await told("summary")).at(-1)?.summary.status).toEqual({ kind: "paused" });
  });

  it("has its runs still after a reload, and goes on as if nothing had been", async () => {
    const first = await open();
    const { summary } = await first.call("create", { ...TINY_CHOICES, text: await ownText() });
    const before = await first.trainTo(summary.id, 30);
    await first.call("rename", summary.id, "another name");
    // What earlier builds kept to go back to, that none goes back to, does not take its room for ever.
    const undo = (change: string) =>
      first.page.evaluate(`new Promise((resolve, reject) => {
        const opening = indexedDB.open("tokenformer-studio");
        opening.onerror = reject;
        opening.onsuccess = () => {
          const transaction = opening.result.transaction("undo", "readwrite");
          const undo = transaction.objectStore("undo");
          ${change}
          const keys = undo.getAllKeys();
          transaction.oncomplete = () => {
            opening.result.close();
            resolve(keys.result);
          };
        };
      })`);
    expect(await undo(`undo.put("state", "run"); undo.put("state", ["run", 1]);`)).toHaveLength(2);
    await first.page.reload();
    const again = await enginePage(first.page, "wasm");
    expect(await undo("")).toEqual([["run", 1]]);
    expect(await again.call("runs")).toMatchObject([
      { id: summary.id, name: "another name", status: { kind: "paused" } },
    ]);
    const kept = await again.call("view", summary.id);
    expect({ ...kept, summary: undefined }).toEqual({ ...before, summary: undefined, choices: kept.choices });
    const after = await again.trainTo(summary.id, before.summary.step + 30);
    expect(after.training.slice(0, before.training.length)).toEqual(before.training);
    expect(after.training.at(-1)?.loss).toBeLessThan(before.training.at(-1)?.loss ?? 0);
    await again.call("remove", summary.id);
    await again.page.reload();
    expect(await (await enginePage(again.page, "wasm")).call("runs")).toEqual([]);
  });

  it("belongs to one tab at a time, which others watch, and loses nothing on the way from one to the next", async () => {
    const a = await open();
    const { id } = (await a.call("create", TINY_CHOICES)).summary;
    await a.call("start", id);
    await a.reached(id, 10);
    const page = await a.page.context().newPage();
    await page.goto(a.page.url());
    const b = await enginePage(page, "wasm");
    expect(await b.call("runs")).toMatchObject([{ id, status: { kind: "elsewhere" } }]);
    for (const refused of [() => b.call("start", id), () => b.call("remove", id), () => b.call("rename", id, "mine")])
      await expect(refused()).rejects.toThrow("tiny trains in another tab: watch it here, or pause it there first.");
    await b.call("view", id);
    await b.waitFor(`events.some(({ type, view }) => type === "changed" && view.training.length > 0)`);
    await b.reached(id, 12);
    await a.call("pause", id);
    const { step } = (await a.call("view", id)).summary;
    await b.waitFor(`events.at(-1).type === "changed" && events.at(-1).view.summary.status.kind === "paused"`);
    // What the browser refuses once keeps neither this tab from it, nor another.
    for (const [{ page, call }, what] of [
      [b, "lock"],
      [a, "transaction"],
    ] as const) {
      await page.evaluate(`engine.refuseOnce("${what}")`);
      await expect(call("rename", id, "mine"), what).rejects.toThrow(`no ${what}`);
    }
    const on = await b.trainTo(id, step + 10);
    expect(on.training.map((point) => point.step).filter((at) => at <= step)).not.toHaveLength(0);

    // And back, though the first has the run on its device still, as it was: it shows it as it is.
    await a.waitFor(`events.at(-1).type === "changed" && events.at(-1).view.summary.status.kind === "paused"`);
    expect((await a.told("changed")).at(-1)?.view.training).toEqual(on.training);
    const back = await a.trainTo(id, on.summary.step + 5);
    expect(back.training.slice(0, on.training.length)).toEqual(on.training);
    await page.reload();
    const again = await enginePage(page, "wasm");
    expect(await again.call("runs")).toMatchObject([{ id, step: back.summary.step }]);

    // Where the one that trains is gone, the other shows what was kept, though it has seen more.
    await a.call("start", id);
    await again.reached(id, back.summary.step + 3);
    await a.page.close();
    await again.waitFor(`events.at(-1).type === "changed"`);
    const { view } = (await again.told("changed")).at(-1) ?? {};
    expect(view?.summary).toMatchObject({ step: back.summary.step, status: { kind: "paused" } });
    expect(view?.training).toEqual(back.training);
  });

  it("loses nothing that was saved before the page was closed in the midst of training", async () => {
    const { page, call, reached } = await open();
    const { summary } = await call("create", TINY_CHOICES);
    await call("start", summary.id);
    await reached(summary.id, 20);
    await call("save");
    await page.reload();
    const again = await enginePage(page, "wasm");
    const { summary: kept } = await again.call("view", summary.id);
    expect(kept).toMatchObject({ status: { kind: "paused" }, step: expect.any(Number) });
    expect(kept.step).toBeGreaterThanOrEqual(20);
  });

  it("keeps what is asked for at once one after the other, and takes none of it for another tab's", async () => {
    const { page, call, told, reached } = await open();
    const { id } = (await call("create", TINY_CHOICES)).summary;
    await call("start", id);
    await reached(id, 3);
    await page.evaluate(`Promise.all([
      engine.save(),
      engine.save(),
      engine.grow("${id}", { add: { query: 8 }, init: "zero-key" }),
      engine.save(),
      engine.rename("${id}", "another name"),
      engine.save(),
    ])`);
    await call("pause", id);
    expect(await told("notice")).toEqual([]);
    const { summary } = await call("view", id);
    await page.reload();
    const again = await enginePage(page, "wasm");
    expect(await again.call("runs")).toMatchObject([{ id, name: "another name", step: summary.step }]);
  });

  describe("and the command line", () => {
    it("goes on there with a run of the browser", async () => {
      const page = await shared();
      const { summary } = await page.call("create", { ...TINY_CHOICES, text: await ownText() });
      await page.trainTo(summary.id, 20);
      const { step } = (await page.call("grow", summary.id, { add: { feedForward: 24 }, init: "zero-key" })).summary;
      await unpack(page, summary.id, "exported");
      const on = await page.trainTo(summary.id, step + 30);
      const steps = `training.steps=${on.summary.step}`;
      await commandLine.answer("train", "--resume", "--out", "exported", "--data", "exported/text.txt", "--set", steps);
      expectSameLosses(on.training, await commandLine.metrics("exported"), step);
      expect(await commandLine.answer("inspect", "exported")).toContain(`zero-key at ${step}`);
    });

    it("goes on there with all that is said of conversations, and takes it back", async () => {
      const talk = Array.from({ length: 120 }, (_, n) => ({
        messages: [
          { role: "user", content: `how many are ${n}?` },
          { role: "assistant", content: `they are ${n}` },
        ],
      }));
      const text = {
        kind: "own",
        name: "talk",
        text: talk.map((record) => JSON.stringify(record)).join("\n"),
        lossOn: "all",
      } as const;
      const page = await shared();
      // Their losses fall fast, and roundings grow as fast.
      const { summary } = await page.call("create", { ...TINY_CHOICES, context: 48, learningRate: 2e-4, text });
      const { step } = (await page.trainTo(summary.id, 10)).summary;
      await unpack(page, summary.id, "talked");
      const on = await page.trainTo(summary.id, step + 20);
      const back = await importFolder(page, "talked", undefined, ["text.jsonl", "tokenizer_config.json"]);
      const again = await page.trainTo(back.summary.id, step + 20);
      const last = Math.max(on.summary.step, again.summary.step);
      const steps = ["--loss-on", "all", "--set", `training.steps=${last}`];
      await commandLine.answer("train", "--resume", "--out", "talked", "--data", "talked/text.jsonl", ...steps);
      expectSameLosses(on.training, await commandLine.metrics("talked"), step);
      expectSameLosses(again.training, await commandLine.metrics("talked"), step);
    });

    it("goes on here with a run of the command line", async () => {
      const constant = ["--set", "training.steps=12", "--set", "training.schedule=constant"];
      await commandLine.answer("train", ...TINY, ...constant, "--data", "text.txt", "--out", "trained");
      const page = await shared();
      const imported = await importFolder(page, "trained", await ownText());
      expect(imported).toMatchObject({ summary: { step: 12, name: "trained" }, trainTokens: expect.any(Number) });
      expect(imported.validation.length).toBeGreaterThan(0);
      const on = await page.trainTo(imported.summary.id, 40);
      await commandLine.answer("train", "--resume", "--out", "trained", "--set", `training.steps=${on.summary.step}`);
      expectSameLosses(on.training, await commandLine.metrics("trained"), 12);

      // One that comes to its end here pauses there, and goes on when it is started again.
      const file = commandLine.at("trained", "config.json");
      const { step } = on.summary;
      const longer = (await readFile(file, "utf8")).replace(/"steps": ?\d+/, `"steps": ${step + 4}`);
      await writeFile(file, longer);
      const again = (await importFolder(page, "trained", await ownText())).summary.id;
      await page.call("start", again);
      await page.waitFor(
        `events.some(({ type, summary }) => type === "summary" && summary.id === "${again}" && summary.step === ${step + 4} && summary.status.kind === "paused")`,
      );
      expect((await page.trainTo(again, step + 9)).summary.step).toBeGreaterThan(step + 8);
    });
  });

  it("attaches a skill of the command line to the run that it was trained beside, and to no other", async () => {
    await commandLine.answer("train", ...TINY, "--data", "text.txt", "--out", "plain");
    const short = ["--add", "all=3", "--set", "training.steps=3"];
    await commandLine.answer("adapt", "plain", "--data", "text.txt", "--to", "skill", ...short);
    const page = await shared();
    const { summary } = await importFolder(page, "plain", await ownText());
    const attach = (run: string) =>
      withFiles(page, "skill", ["skill.json", "skill.safetensors"], `engine.attachSkill("${run}", "skill", files)`);
    const made = await attach(summary.id);
    expect(made).toMatchObject({ summary: { name: "plain, with skill", step: summary.step } });
    expect(made.sites.map(({ generations }) => generations.at(-1))).toEqual(
      made.sites.map(() => ({ tokens: 3, born: summary.step, init: "skill" })),
    );
    await page.trainTo(made.summary.id, summary.step + 3);
    await unpack(page, made.summary.id, "skilled");
    expect(await commandLine.answer("inspect", "skilled")).toContain("generations.1");
    await expect(attach(made.summary.id)).rejects.toThrow("skill: belongs to a model with the weights");
  });

  it("teaches a run a text beside it, goes on after a reload, and hands out a skill that both sides attach", async () => {
    const first = await open();
    const own = await ownText();
    const base = (await first.call("create", { ...TINY_CHOICES, text: own })).summary.id;
    await first.trainTo(base, 20);
    await unpack(first, base, "base");
    const text = { kind: "own", name: "backwards", text: own.text.split(" ").reverse().join(" ") } as const;
    const taught = await first.call("teach", base, { text, tokens: 4 });
    const { id } = taught.summary;
    expect(taught).toMatchObject({
      summary: { name: "tiny, taught backwards", step: 0, textName: "backwards" },
      skill: { base: "tiny", oldText: "text.txt", parameters: 2 * 24 * 4 * 5 * 2 },
      undoable: false,
    });
    await expect(first.call("grow", id, { add: { query: 2 }, init: "zero-key" })).rejects.toThrow("does not grow");
    await expect(first.call("teach", base, { text: { ...text, text: "§".repeat(2000) }, tokens: 4 })).rejects.toThrow(
      "§",
    );
    const before = await first.trainTo(id, 60);
    expect(before.samples.at(-1)?.text.length).toBeGreaterThan(20);
    await first.page.reload();
    const again = await enginePage(first.page, "wasm");
    const { summary, ...kept } = await again.call("view", id);
    const { summary: _, ...was } = before;
    expect(kept).toEqual({ ...was, choices: kept.choices });
    const { step } = summary;
    const after = await again.trainTo(id, step + 60);
    expect(after.training.slice(0, before.training.length)).toEqual(before.training);
    const [start, last] = [after.validation[0], after.validation.at(-1)];
    expect(last?.loss).toBeLessThan((start?.loss ?? 0) - 0.05);
    expect(last?.oldLoss).not.toBe(start?.oldLoss);
    expect(last?.oldLoss).toBeGreaterThan(0);

    await unpack(again, id, "backwards", "exportSkill");
    await unpack(again, base, "base-after");
    const weights = (folder: string) => readFile(commandLine.at(folder, "model.safetensors"));
    expect((await weights("base-after")).equals(await weights("base"))).toBe(true);
    await writeFile(commandLine.at("backwards.txt"), text.text);
    const lossOf = async (...attached: readonly string[]) =>
      Number(
        JSON.parse(await commandLine.answer("eval", "base", ...attached, "--data", "backwards.txt", "--json")).loss,
      );
    expect(await lossOf("--with", "backwards")).toBeLessThan((await lossOf()) - 0.05);
    const attached: RunView = await again.page.evaluate(
      `engine.exportSkill("${id}").then((zip) => engine.attachSkill("${base}", "backwards", zip))`,
    );
    expect(attached.sites.map(({ generations }) => generations.at(-1)?.tokens)).toEqual(attached.sites.map(() => 4));

    // The run itself goes to the command line, which goes on with the skill alone.
    await unpack(again, id, "learning");
    const steps = `training.steps=${after.summary.step + 2}`;
    await commandLine.answer("train", "--resume", "--out", "learning", "--data", "backwards.txt", "--set", steps);
    await expect(again.call("exportSkill", base)).rejects.toThrow("tiny: is of a run that trains no skill");
  });

  it("computes the story's layers as models are computed: by the paper's equation, and with gradients", async () => {
    const { call } = await shared();
    const wanted = [0, 0];
    // Scores 3 and −4 of norm 5, with τ = √2: GELU(0.848528) and GELU(−1.131371); and 9 and 0, of norm 9.
    const tokens = [
      { key: [0, 3], value: 1 },
      { key: [9, -4], value: -1 },
    ] as const;
    const inputs = [
      [0, 1],
      [1, 0],
    ] as const;
    const before = await call("smallLayer", { inputs, wanted, tokens, tau: Math.SQRT2 });
    expect(before.weights[0]).toEqual([expect.closeTo(0.680459, 5), expect.closeTo(-0.14589, 5)]);
    expect(before.outputs[0]).toBeCloseTo(0.680459 + 0.14589, 5);
    expect(before.weights[1]).toEqual([0, expect.closeTo(1.302974, 4)]);
    const [first = 0, second = 0] = before.outputs;
    expect(before.error).toBeCloseTo((first ** 2 + second ** 2) / 2, 5);

    // A key of zeros changes nothing, and is pulled by its value; the value is not, as nothing asks for it.
    const grown = [...tokens, { key: [0, 0], value: 0.7 }] as const;
    const after = await call("smallLayer", { inputs, wanted, tokens: grown, tau: Math.SQRT2 });
    for (const [row, output] of after.outputs.entries()) expect(output).toBeCloseTo(before.outputs[row] ?? 0, 6);
    expect(after.weights.map((row) => row.at(-1))).toEqual([0, 0]);
    const pull = after.gradients.at(-1);
    expect(pull?.value).toBe(0);
    // d error / d key = Σ (output) · value · GELU'(0) · τ / ‖A‖ · input, with GELU'(0) = ½.
    const slope = (output: number, norm: number) => (output * 0.7 * 0.5 * Math.SQRT2) / norm;
    expect(pull?.key).toEqual([expect.closeTo(slope(second, 9), 4), expect.closeTo(slope(first, 5), 4)]);

    const matrix = [
      [2, -1, 5],
      [0.5, 3, 0],
    ];
    expect(await call("smallProduct", { row: [3, 4], matrix })).toEqual([8, 9, 15]);
  });

  it("answers in the form that a model of conversations came with, as the command line does, until it is told to stop", async () => {
    const small = ["--set", "model.context=64", "--set", "training.steps=20", "--tokenizer", "bpe:300"];
    await commandLine.answer("train", ...TINY, ...small, "--data", "text.txt", "--out", "talker");
    const page = await shared();
    expect(await importFolder(page, "talker", await ownText())).toMatchObject({ converses: false });
    const chat_template =
      "{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}";
    await writeFile(commandLine.at("talker", "tokenizer_config.json"), JSON.stringify({ chat_template }));
    const { summary, converses } = await importFolder(page, "talker", await ownText(), ["tokenizer_config.json"]);
    expect(converses).toBe(true);
    const messages = [{ role: "user", content: "ahoy" }];
    const options = { length: 12, temperature: 0, topK: 0, topP: 1 };
    const reply = (said: object, stopAfter = 0): Promise<string> =>
      page.page.evaluate(`(async () => {
        let [text, pieces] = ["", 0];
        const take = (piece) => {
          text += piece;
          if (++pieces === ${stopAfter}) void engine.stopWriting();
        };
        await engine.reply("${summary.id}", ${JSON.stringify(said)}, ${JSON.stringify({ ...options, length: stopAfter === 0 ? 12 : 40 })}, proxy(take));
        await new Promise((resolve) => setTimeout(resolve, 100));
        return text;
      })()`);
    const terminal = await commandLine.run(
      "sample",
      "talker",
      "--prompt",
      "user: ahoy\nassistant: ",
      "--tokens",
      "12",
      "--temperature",
      "0",
    );
    const whole = await reply(messages);
    expect(whole).not.toBe("");
    // Up to what ends a turn in this form: a line's end.
    expect(terminal.stdout.slice("user: ahoy\nassistant: ".length)).toContain(whole);
    expect((await reply(messages, 2)).length).toBeLessThan(40);
    // What was said before is part of what it answers to, and what has no room is refused.
    const long = [{ role: "user", content: "xyz ".repeat(60) }];
    await expect(reply(long)).rejects.toThrow(
      /the message has \d+ tokens with its template, and the model's context 64/,
    );
    // A download has the form still.
    await unpack(page, summary.id, "downloaded");
    expect(JSON.parse(await readFile(commandLine.at("downloaded", "tokenizer_config.json"), "utf8"))).toEqual({
      chat_template,
    });
  });

  it("trains others beside a run with as many operations", async () => {
    const { page, call, reached } = await shared();
    const { summary } = await call("create", TINY_CHOICES);
    const scratch = await call("compare", summary.id, "scratch");
    const transformer = await call("compare", summary.id, "transformer");
    const ids = [summary.id, scratch.summary.id, transformer.summary.id];
    expect([scratch.summary, transformer.summary]).toMatchObject([
      { besides: summary.id, parameters: summary.parameters, architecture: "tokenformer" },
      { besides: summary.id, architecture: "transformer" },
    ]);
    for (const id of ids) await call("start", id);
    for (const id of ids) await reached(id, 30);
    await page.evaluate(`Promise.all(${JSON.stringify(ids)}.map((id) => engine.pause(id)))`);
    const views = await Promise.all(ids.map((id) => call("view", id)));
    const flops = views.map(({ training }) => training.at(-1)?.flops ?? 0);
    const update = Math.max(...views.map(({ flopsPerUpdate }) => flopsPerUpdate));
    expect(Math.max(...flops) - Math.min(...flops)).toBeLessThanOrEqual(2 * update);
  });

  it("looks inside, and writes until it is told to stop", async () => {
    const { page, call, trainTo } = await shared();
    const { summary } = await call("create", { ...TINY_CHOICES, text: await ownText() });
    await trainTo(summary.id, 20);
    const { tokens, next, sites } = await call("inspect", summary.id, "the whale");
    expect(tokens.join("")).toBe("the whale");
    // In words of the page: there are no options here.
    await expect(call("inspect", summary.id, "the €")).rejects.toThrow(
      "“€” at 1:5 is none of the characters that this model knows, which are those of its text: leave it out, or start a run",
    );
    for (const likely of next) {
      const probabilities = likely.map(({ probability }) => probability);
      expect(probabilities).toEqual(probabilities.toSorted((a, b) => b - a));
      expect(probabilities.reduce((sum, p) => sum + p)).toBeLessThanOrEqual(1.0001);
    }
    const sizes = await page.evaluate(
      `engine.siteWeights("${summary.id}", "${sites[0]?.path}").then(({ weights, born }) => [weights.length, born.length])`,
    );
    expect(sizes).toEqual([9 * 16, 16]);
    const rows: number[] = await page.evaluate(
      `engine.attentionWeights("${summary.id}", 1).then(({ weights }) => Array.from({ length: 18 }, (_, row) => weights.slice(9 * row, 9 * row + 9).reduce((a, b) => a + b)))`,
    );
    for (const sum of rows) expect(sum).toBeCloseTo(1, 4);
    const options = JSON.stringify({ prompt: "the ", length: 30, temperature: 0.7, topK: 5, topP: 0.9, seed: 3 });
    const write = `(async () => { const pieces = []; await engine.write("${summary.id}", ${options}, proxy((text) => void pieces.push(text))); await new Promise((resolve) => setTimeout(resolve, 100)); return pieces.join(""); })()`;
    const written: string = await page.evaluate(write);
    expect(written.length).toBeGreaterThanOrEqual(30);
    expect(await page.evaluate(write)).toBe(written);
    const stopped: number = await page.evaluate(
      `(async () => { let pieces = 0; const long = { ...${options}, length: 5000 }; await engine.write("${summary.id}", long, proxy(() => { if (++pieces === 5) void engine.stopWriting(); })); return pieces; })()`,
    );
    expect(stopped).toBeGreaterThanOrEqual(5);
    expect(stopped).toBeLessThan(500);
  });
});

/** Unpacks what a visitor downloads. */
async function unpack(
  { page }: EnginePage,
  run: string,
  folder: string,
  method: "exportRun" | "exportSkill" = "exportRun",
): Promise<void> {
  const bytes: string = await page.evaluate(`engine.${method}("${run}").then((zip) => new Promise((resolve) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.split(",")[1]);
    reader.readAsDataURL(zip);
  }))`);
  for (const [name, data] of Object.entries(unzipSync(Buffer.from(bytes, "base64")))) {
    const file = commandLine.at(folder, name);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, data);
  }
}

/** As a visitor chooses a folder. */
async function importFolder(
  page: EnginePage,
  folder: string,
  text: object | undefined,
  more: readonly string[] = [],
): Promise<RunView> {
  const names = [
    "config.json",
    "model.safetensors",
    "optimizer.safetensors",
    "tokenizer.json",
    "training.json",
    "metrics.jsonl",
    ...more,
  ];
  return withFiles(page, folder, names, `engine.importRun("${folder}", files, ${JSON.stringify(text)})`);
}

/** What an expression gives in the page, of `files` of a folder. */
async function withFiles(
  { page }: EnginePage,
  folder: string,
  names: readonly string[],
  expression: string,
): Promise<RunView> {
  const files = await Promise.all(
    names.map(async (name) => [name, (await readFile(commandLine.at(folder, name))).toString("base64")]),
  );
  return page.evaluate(`(async () => {
    const files = await Promise.all(${JSON.stringify(files)}.map(async ([name, data]) => ({
      name, data: new Blob([Uint8Array.from(atob(data), (character) => character.charCodeAt(0))]),
    })));
    return ${expression};
  })()`);
}
