/** The page on an engine that makes everything up: what a visitor does, and what axe finds. */

import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import axe, { type AxeResults } from "axe-core";
import { decode } from "modern-gif";
import type { Page } from "playwright-core";
import { build } from "vite";
import { afterAll, beforeAll, expect, it } from "vitest";
import { describeInBrowser, type StaticHost, startStaticHost, useBrowser } from "../support/browser.ts";
import { TINY_CHOICES } from "../support/engine-page.ts";

const STUDIO = fileURLToPath(new URL("../../studio/", import.meta.url));

/** The page with the made-up engine, as a folder of files. */
async function buildPage(folder: string): Promise<void> {
  await build({
    configFile: false,
    root: STUDIO,
    base: "./",
    logLevel: "error",
    build: {
      outDir: folder,
      target: "es2024",
      minify: false,
      rolldownOptions: { input: join(STUDIO, "test/page.html") },
    },
  });
}

/** The contrast of each kind of button that is disabled, and lies under the pointer as far as style sheets know. */
const CONTRASTS = `(() => {
  const brightness = (colour) => {
    const canvas = document.createElement("canvas").getContext("2d");
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [red, green, blue] = [...canvas.getImageData(0, 0, 1, 1).data].map((value) => {
      const share = value / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  // A script cannot point: the rules for it are taken as if it were always so.
  for (const sheet of document.styleSheets)
    for (const rule of [...sheet.cssRules])
      if (rule.selectorText?.includes(":hover"))
        sheet.insertRule(rule.cssText.replaceAll(":hover", ":not(.never)"), sheet.cssRules.length);
  return ["", "primary", "growing", "danger"].map((kind) => {
    const button = Object.assign(document.createElement("button"), { className: kind, disabled: true });
    document.querySelector("main").append(button);
    const { color, backgroundColor } = getComputedStyle(button);
    const [ink, ground] = [brightness(color), brightness(backgroundColor)];
    button.remove();
    return (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05);
  });
})()`;

describeInBrowser("the page", () => {
  const browser = useBrowser();
  let folder: string;
  let host: StaticHost;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "tokenformer-page-"));
    await buildPage(folder);
    host = await startStaticHost({ path: "/studio", folder });
  });
  afterAll(async () => {
    await host.close();
    await rm(folder, { recursive: true });
  });

  const visit = async (query: Record<string, string> = {}, theme: "light" | "dark" = "light", width = 1280) => {
    const asked = new URLSearchParams({ pace: "150", startsIn: "0", ...query });
    const page = await browser.open(`${host.url}test/page.html?${asked}`, {
      colorScheme: theme,
      viewport: { width, height: 800 },
      reducedMotion: "reduce",
    });
    // Longer than a machine with much to do takes; a fault is told before the test's own limit.
    page.setDefaultTimeout(60_000);
    return page;
  };
  const button = (page: Page, name: string) => page.getByRole("button", { name, exact: true });
  const tile = (page: Page, name: string) => page.locator(".tile", { hasText: name }).locator("dd");
  const start = async (page: Page) => {
    await button(page, "Start training").click();
    await page.locator(".voice blockquote").first().waitFor();
  };

  it("starts a run in one click, grows it, goes back, and finds it in the list", async () => {
    const page = await visit();
    await start(page);
    const before = await tile(page, "Parameters").textContent();
    await button(page, "Double it").click();
    await page.getByText("Nothing forgotten.").waitFor();
    expect(await tile(page, "Parameters").textContent()).not.toBe(before);
    await button(page, "Undo this growth").click();
    await button(page, "Go back").click();
    await page.getByText("Nothing forgotten.").waitFor({ state: "detached" });
    expect(await tile(page, "Parameters").textContent()).toBe(before);
    await page.getByRole("link", { name: "All runs" }).click();
    await page.getByRole("link", { name: "Moby-Dick, small" }).waitFor();
    await button(page, "Delete Moby-Dick, small").click();
    await button(page, "Delete for good").click();
    await page.getByText("None yet.").waitFor();
  });

  it("draws a run that is compared on the same axes, over what both have cost", async () => {
    const page = await visit();
    await start(page);
    await button(page, "The same size from scratch").click();
    await page.getByRole("link", { name: "Moby-Dick, small, from scratch" }).waitFor();
    expect(await page.getByRole("combobox", { name: "Across" }).inputValue()).toBe("flops");
    expect(await page.locator(".curves .chart").getAttribute("aria-label")).toContain("from scratch: training loss");
  });

  it("writes on from a prompt until it is stopped", async () => {
    const page = await visit();
    await start(page);
    await page.getByRole("tab", { name: "Write" }).click();
    await page.getByLabel("The text to go on from").fill("Once ");
    await button(page, "Write").click();
    await page.getByText("Once the whale was").waitFor();
    await button(page, "Stop").click();
    await button(page, "Write").waitFor();
    expect((await page.locator(".written").textContent())?.length).toBeLessThan(300);
  });

  it("talks with a model of conversations, stops it, takes back what was refused, and begins anew", async () => {
    const page = await visit();
    await page.getByText("More choices").click();
    await page.getByLabel("Name", { exact: true }).fill("A chat");
    await start(page);
    await page.getByRole("tab", { name: "Write" }).click();
    await page.getByText("This model was trained on conversations.").waitFor();
    const message = page.getByLabel("Your message");
    await message.fill("ahoy");
    await message.press("Enter");
    await page.getByText("You said “ahoy”, and 0 things before. the whale").waitFor();
    await button(page, "Stop").click();
    await button(page, "Send").waitFor();
    expect((await page.locator(".conversation .assistant p").textContent())?.length).toBeLessThan(800);
    await message.fill("and then?");
    await message.press("Shift+Enter");
    expect(await message.inputValue()).toBe("and then?\n");
    await button(page, "Send").click();
    await page.getByText("You said “and then?”, and 2 things before.").waitFor();
    expect(await message.inputValue()).toBe("");
    // Another tab of the page keeps it; beginning anew ends it in the midst of an answer.
    await page.getByRole("tab", { name: "As it learns" }).click();
    await page.getByRole("tab", { name: "Write" }).click();
    expect(await page.locator(".conversation li").count()).toBe(4);
    await message.fill("refuse this");
    await button(page, "Send").click();
    await page.getByRole("status").getByText("The message has too many tokens").waitFor();
    expect(await message.inputValue()).toBe("refuse this");
    expect(await page.locator(".conversation li").count()).toBe(4);
    await button(page, "Begin anew").click();
    await page.getByText("This model was trained on conversations.").waitFor();
  });

  it("says on its first two screens what an orange cell is", async () => {
    // What someone who has never heard of it can say after half a minute: a parameter token that was added later; that is, a question
    // the model recognises and an answer it adds; added while it went on learning, without forgetting.
    const words = [
      "then watch it grow without forgetting",
      "keeps what it knows in parameter tokens",
      "Add more of them at any time, and it goes on learning from where it was",
      "A parameter token is a question it recognises and an answer it adds.",
      "Orange ones were added later",
    ];
    for (const [width, height] of [
      [390, 844],
      [834, 1112],
      [1440, 900],
    ] as const) {
      const page = await visit({}, "light", width);
      await page.setViewportSize({ width, height });
      await page.locator("h1").waitFor();
      const read: string = await page.evaluate(`(() => {
        const read = [];
        const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
        const range = document.createRange();
        while (walker.nextNode()) {
          range.selectNodeContents(walker.currentNode);
          const { top, height } = range.getBoundingClientRect();
          if (height > 0 && top < 2 * innerHeight) read.push(walker.currentNode.textContent);
        }
        return read.join("").replaceAll(/\\s+/g, " ");
      })()`);
      for (const phrase of words) expect(read, `${width} wide`).toContain(phrase);
      const orange: number = await page.evaluate(
        "Math.min(...[...document.querySelectorAll('.picture .new')].map((cell) => cell.getBoundingClientRect().bottom)) / innerHeight",
      );
      expect(orange, `${width} wide`).toBeLessThan(1);
      await page.close();
    }
  });

  it("tells how it can grow on a page of its own, with figures that are alive", async () => {
    const page = await visit();
    await page.getByRole("link", { name: "See it in four figures that are alive" }).click();
    await page.getByRole("heading", { level: 1, name: "How a model can grow without forgetting" }).waitFor();
    expect(await page.title()).toBe("How it can grow – TokenFormer studio");
    const figure = (name: RegExp) => page.locator(".learn-part", { has: page.getByRole("heading", { name }) });
    await button(page, "Make it wider").click();
    await figure(/^1/)
      .getByText(/4 numbers in, 4 out; what came out before has changed by up to \d\.\d\d\./)
      .waitFor();
    await button(page, "Add a token").click();
    await figure(/^2/).getByText("4 tokens.").waitFor();
    const silent = figure(/^3/);
    await silent.getByText("0, exactly").waitFor();
    await button(page, "One update").click();
    await silent.locator("dd", { hasText: /^1$/ }).waitFor();
    await silent.getByText("0, exactly").waitFor({ state: "detached" });
    await button(page, "Begin anew").click();
    await silent.getByText("0, exactly").waitFor();
    await figure(/^4/)
      .getByText(/the whole run, of 2000 updates, \d+\s% of what it takes large from the start/)
      .waitFor();
    // The verdict says no more than the studies do.
    await page.getByText("For the same work, it has not learned as much so far.").waitFor();
    await page.goBack();
    await page.getByRole("button", { name: "Start training" }).waitFor();
    // A link to it opens it, without the first screen before.
    await page.goto(page.url().replace(/#.*|$/, "#/learn"));
    await page.reload();
    await page.getByRole("heading", { level: 1, name: "How a model can grow without forgetting" }).waitFor();
  });

  it("says at their fields what is wrong with the choices, and does not start", async () => {
    const page = await visit();
    await page.getByText("More choices").click();
    await page.getByLabel("Heads", { exact: true }).fill("5");
    await page.getByText("A width of 128 does not divide by 5 heads.").waitFor();
    expect(await button(page, "Start training").isDisabled()).toBe(true);
  });

  it("tells why a text cannot be learnt from", async () => {
    const page = await visit();
    await page.getByText("Your own text").click();
    await page.getByLabel("Your text").fill("Too short.");
    await page.getByText("This text has 10 characters;").waitFor();
    const data = { name: "photo.jpg", mimeType: "image/jpeg", buffer: Buffer.from([0xff, 0xd8, 0xff, 0xe0]) };
    await page.getByLabel("Choose a file").setInputFiles(data);
    const fault = page.getByText("photo.jpg is not plain text in UTF-8");
    await fault.waitFor();
    // What is typed then is another text.
    await page.getByLabel("Your text").fill("A text that is long enough. ".repeat(200));
    await fault.waitFor({ state: "detached" });
    expect(await page.getByLabel("Your text").getAttribute("aria-invalid")).not.toBe("true");
  });

  it("offers no link to a run that a link cannot grow again", async () => {
    const page = await visit();
    await page.getByText("More choices").click();
    await page.getByLabel("Name", { exact: true }).fill("Foreign");
    await start(page);
    await button(page, "Share").click();
    await page.getByText("This model is made of more than a link holds").waitFor();
    await button(page, "Save as PNG").waitFor();
    expect(await button(page, "Copy link").count()).toBe(0);
  });

  it("shows what a link brings, before the engine is there to be asked", async () => {
    const page = await visit({ opensIn: "100000" });
    await page.goto(`${page.url()}#/new?layers=3&width=96&nonsense=7&batch=many`);
    await page.reload();
    await page.getByText("More choices").click();
    expect(await page.getByLabel("Layers", { exact: true }).inputValue()).toBe("3");
    expect(await page.getByLabel("Width", { exact: true }).inputValue()).toBe("96");
    expect(await page.getByLabel("Batch", { exact: true }).inputValue()).toBe("12");
    await page.goto(page.url().replace(/#.*/, "#/r?layers=2&text=Moby-Dick&step=126&grow=42:x2&rings=0:9:1,42:9:0.4"));
    await page.reload();
    await page.getByRole("heading", { level: 1, name: "A model that grew while it learnt Moby-Dick." }).waitFor();
    expect(await button(page, "Grow it again here").isDisabled()).toBe(true);
  });

  it("loses nothing that was typed on the first screen, and lets nothing be retyped twice", async () => {
    const page = await visit();
    await page.getByText("Your own text").click();
    const own = page.getByLabel("Your text");
    await own.fill("一二三四五");
    await page.getByText("Moby-Dick", { exact: true }).first().click();
    await page.getByText("Your own text").click();
    expect(await own.inputValue()).toBe("一二三四五");

    // Millions of pasted characters are taken, and only the first of them laid out.
    await page.evaluate(`(() => {
      const clipboardData = new DataTransfer();
      clipboardData.setData("text/plain", "whale ".repeat(900_000));
      const pasted = new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true });
      document.querySelector(".own-text textarea").dispatchEvent(pasted);
    })()`);
    await page.getByText("5,400,005 characters, the first of them shown").waitFor();
    expect((await own.inputValue()).length).toBe(20_000);

    // A file that is dropped on the card is the text, and does not take the place of the page.
    await page.getByText("Moby-Dick", { exact: true }).first().click();
    const address = page.url();
    const isLeftToTheBrowser = await page.evaluate(`(() => {
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File(["sea ".repeat(2000)], "sea.txt", { type: "text/plain" }));
      const dropped = new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true });
      return document.querySelectorAll(".text-choice .card-choice")[1].dispatchEvent(dropped);
    })()`);
    expect(isLeftToTheBrowser).toBe(false);
    await page.getByText("sea: 8,000 characters").waitFor();
    expect(page.url()).toBe(address);
    await page.getByText("Moby-Dick", { exact: true }).first().click();

    // A wrong number does not close what the visitor is at work in.
    await page.getByText("More choices").click();
    const heads = page.getByLabel("Heads", { exact: true });
    await heads.fill("5");
    await page.getByText("A width of 128 does not divide by 5 heads.").waitFor();
    await heads.focus();
    await heads.fill("");
    await page.keyboard.type("2");
    await page.getByText("does not divide").waitFor({ state: "detached" });
    await page.keyboard.type("0");
    expect(await heads.inputValue()).toBe("20");
  });

  it("keeps what belongs to a run through tabs, the skip link and faults, and says where one is", async () => {
    const page = await visit();
    await start(page);
    expect(await page.title()).toBe("Moby-Dick, small – TokenFormer studio");
    const focused = () => page.evaluate("document.activeElement.textContent");
    await expect.poll(focused).toBe("Moby-Dick, small");
    const run = page.url();
    await page.locator(".skip").focus();
    await page.keyboard.press("Enter");
    expect(page.url()).toBe(run);
    expect(await page.evaluate("document.activeElement.id")).toBe("main");

    await page.getByRole("tab", { name: "Write" }).click();
    const prompt = page.getByLabel("The text to go on from");
    expect(await prompt.inputValue()).toBe("Call me Ishmael. Some years ago");
    await prompt.fill("Once ");
    await page.getByRole("tab", { name: "Look inside" }).click();
    await page.getByRole("tab", { name: "Write" }).click();
    expect(await prompt.inputValue()).toBe("Once ");

    await page.getByRole("link", { name: "All runs" }).click();
    await expect.poll(focused).toMatch(/^Train a language model/);
    await button(page, "Rename Moby-Dick, small").click();
    await page.keyboard.press("Escape");
    const label = "document.activeElement.getAttribute('aria-label')";
    await expect.poll(() => page.evaluate(label)).toBe("Rename Moby-Dick, small");
    await button(page, "Delete Moby-Dick, small").click();
    await page.keyboard.press("Escape");
    await expect.poll(() => page.evaluate(label)).toBe("Delete Moby-Dick, small");
    // What asks has the focus when it appears, and leaves it where the visitor takes it, though the run is drawn anew as it trains.
    await button(page, "Delete Moby-Dick, small").click();
    await expect.poll(focused).toBe("Delete for good");
    await page.locator(".skip").focus();
    const facts = page.locator(".run-facts").first();
    const drawn = await facts.textContent();
    await expect.poll(() => facts.textContent()).not.toBe(drawn);
    expect(await focused()).toBe("Skip to the content");
    await button(page, "Delete for good").click();
    await expect.poll(focused).toBe("Your runs");

    // Back, to a run that is gone.
    await page.goBack();
    await page.getByRole("status").getByText("That run is not kept here any more.").waitFor();
    expect(new URL(page.url()).hash).toBe("#/");
  });

  it("forecasts a growth from what the model is, before and after others, and goes back with a copy", async () => {
    const page = await visit();
    await start(page);
    const forecast = page.locator(".cost div", { hasText: "Parameters" }).locator("dd");
    const parameters = async () => (await tile(page, "Parameters").textContent()) ?? "";
    for (let growth = 0; growth < 2; growth++) {
      await expect.poll(() => forecast.textContent()).toContain(`${await parameters()} →`);
      const [, promised = ""] = /→ (\S+)/.exec((await forecast.textContent()) ?? "") ?? [];
      await button(page, "Double it").click();
      await expect.poll(parameters).toBe(promised);
    }
    await expect.poll(() => forecast.textContent()).toContain(`${await parameters()} →`);
    await page.getByText(/^Held-out: \d\.\d{3} before → \d\.\d{3} now, \d+ updates later\.$/).waitFor();

    await button(page, "Undo this growth").click();
    await button(page, "Keep a copy, then go back").click();
    await expect.poll(() => forecast.textContent()).toContain(`${await parameters()} →`);
    await page
      .getByRole("status")
      .getByText(/^Kept as “Moby-Dick, small, at step \d+”/)
      .waitFor();
    await page.getByRole("link", { name: "All runs" }).click();
    await page.getByRole("link", { name: /^Moby-Dick, small, at step/ }).waitFor();
  });

  it("shares a run as a ring and a link, from which another visitor grows the like of it", async () => {
    const page = await visit();
    await start(page);
    await button(page, "Double it").click();
    await page.getByText(/^Held-out: .* updates later\.$/).waitFor();
    await button(page, "Share").click();
    await page
      .getByRole("img", { name: /^The growth ring of Moby-Dick, small: 2\.11M parameters, .* grown once$/ })
      .waitFor();
    const saving = page.waitForEvent("download");
    await button(page, "Save as PNG").click();
    expect((await saving).suggestedFilename()).toBe("Moby-Dick-small.png");
    const looping = page.waitForEvent("download", { timeout: 30_000 });
    await button(page, "Save as a loop").click();
    const loop = await looping;
    expect(loop.suggestedFilename()).toBe("Moby-Dick-small.gif");
    const { frames, width, looped } = decode(await readFile(await loop.path()));
    expect({ width, looped }).toEqual({ width: 400, looped: true });
    // The first ring comes and stays, the second comes, wakes and stays; then what it writes.
    expect(frames.map(({ delay }) => delay)).toEqual([
      ...Array<number>(6).fill(90),
      500,
      ...Array<number>(12).fill(90),
      500,
      2000,
    ]);
    await page.evaluate("navigator.clipboard.writeText = async (text) => { window.copied = text; }");
    await button(page, "Copy link").click();
    await page.getByText("Copied.", { exact: true }).waitFor();
    const { hash } = new URL(await page.evaluate("window.copied"));
    // Pages that are not served securely have no clipboard.
    await page.evaluate(`(() => {
      Object.defineProperty(navigator, "clipboard", { value: undefined });
      document.addEventListener("copy", ({ target }) => {
        window.copied = target.value;
      });
    })()`);
    await button(page, "Copy for an article").click();
    await page.getByText("Copied: an iframe.").waitFor();
    expect(await page.evaluate("window.copied")).toMatch(/^<iframe .*grow=/);
    expect(await page.evaluate("document.activeElement.textContent")).toBe("Copy for an article");
    expect(hash).toMatch(/^#\/r\?.*&grow=\d+:x2&/);

    await page.goto(page.url().replace(/#.*/, hash));
    await page.reload();
    await page.getByRole("heading", { level: 1, name: "A model that grew while it learnt Moby-Dick." }).waitFor();
    await page.getByText("Before it grew:").waitFor();
    await button(page, "Grow it again here").click();
    await page.getByRole("heading", { level: 1, name: "Moby-Dick, regrown" }).waitFor();
    await page.getByText("Dotted grey: the held-out losses of who sent the link").waitFor();
  });

  it("teaches a text beside a run, which stays as it is, and hands out the skill", async () => {
    const page = await visit();
    await start(page);
    await page.getByText("Teach it something new").click();
    expect(await button(page, "Teach it").isDisabled()).toBe(true);
    await page.getByLabel("Text to teach").fill("Dear you, ");
    await page.getByText("It takes 2,600 characters at least.").waitFor();
    await page.getByLabel("Text to teach").fill("Dear € ".repeat(500));
    await button(page, "Teach it").click();
    await page.getByText("The run's text has no “€”").or(page.getByText('The run\'s text has no "€"')).waitFor();
    await page.getByLabel("Text to learn", { exact: true }).selectOption({ label: "A play by rules" });
    await page.getByLabel("New tokens for each projection").fill("4");
    await page.getByText("20.5K new parameters learn").waitFor();
    await button(page, "Teach it").click();
    await page.getByRole("heading", { level: 1, name: "Moby-Dick, small, taught A play by rules" }).waitFor();
    await page.getByText("Dashed, with rings: held-out text of Moby-Dick, which it knew before.").waitFor();
    await page.getByText("Loss on A play by rules").waitFor();
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("button", { name: /^Download the skill/ }).click(),
    ]);
    expect(download.suggestedFilename()).toBe("Moby-Dick-small-taught-A-play-by-rules-skill.zip");
    await button(page, "Pause").click();
    await page.getByRole("link", { name: "All runs" }).click();
    await page.getByRole("link", { name: "Moby-Dick, small", exact: true }).click();
    await page.getByRole("heading", { level: 1, name: "Moby-Dick, small", exact: true }).waitFor();
    await button(page, "Double it").waitFor();
  });

  it("has buttons that can be read while they are busy, under the pointer too", async () => {
    const page = await visit({ startsIn: "0" });
    await start(page);
    for (const [theme, other] of [
      ["light", "dark"],
      ["dark", "light"],
    ] as const) {
      const contrasts: number[] = await page.evaluate(CONTRASTS);
      expect(contrasts, theme).not.toHaveLength(0);
      for (const contrast of contrasts) expect(contrast, theme).toBeGreaterThan(4.5);
      await button(page, `Switch to ${other}`).click();
    }
  });

  it("shows what the address names, however late a run comes, and whatever the address has become", async () => {
    const page = await visit();
    await button(page, "Start training").waitFor();
    // Runs that the page has not seen yet come when they are let.
    await page.evaluate(`(async () => {
      for (const name of ["Early", "Late"]) await engine.create({ ...${JSON.stringify(TINY_CHOICES)}, name });
      const { view } = engine.constructor.prototype;
      window.asked = 0;
      engine.view = async (run) => {
        await new Promise((resolve) => {
          window.letCome = resolve;
          window.asked++;
        });
        return view.call(engine, run);
      };
    })()`);
    const asked = (times: number) => expect.poll(() => page.evaluate("window.asked")).toBe(times);
    const goBack = async () => {
      await page.goBack();
      await expect.poll(() => page.evaluate("location.hash")).not.toContain("run");
    };
    await page.getByRole("link", { name: "Late" }).click();
    await asked(1);
    await goBack();
    await page.evaluate("letCome()");
    await page.getByRole("heading", { level: 1, name: /^Train a language model/ }).waitFor();
    expect(await page.getByRole("heading", { level: 1, name: "Late" }).count()).toBe(0);
    // Come back to while it is on its way, it is shown.
    await page.getByRole("link", { name: "Early" }).click();
    await asked(2);
    await goBack();
    await page.getByRole("link", { name: "Early" }).click();
    await page.evaluate("letCome()");
    await page.getByRole("heading", { level: 1, name: "Early" }).waitFor();
    expect(new URL(page.url()).hash).toMatch(/^#\/run\//);

    // A damaged address is one of nothing.
    await page.goto(page.url().replace(/#.*/, "#/run/%E0%A4%A"));
    await page.reload();
    await page.getByRole("status").getByText("That run is not kept here any more.").waitFor();
    await button(page, "Start training").waitFor();
    await page.goto(page.url().replace(/#.*/, "#/computer/%E0%A4%A"));
    await page.reload();
    await page.getByRole("heading", { level: 1, name: "That run is not here." }).waitFor();
    await page.getByText("This page sees no runs of a computer").waitFor();
    await page.getByRole("link", { name: "All runs" }).click();
    await button(page, "Start training").waitFor();
  });

  it("grows what someone has shared from a text that is not the page's, where the visitor has it", async () => {
    const page = await visit();
    await page.goto(`${page.url()}#/r?layers=2&text=My+diary&step=126&grow=42:x2&rings=0:9:1,42:9:0.4`);
    await page.getByText("It learnt from My diary, which is not in the link.").waitFor();
    const choose = page.getByLabel("Choose its text, and grow it again");
    const file = (name: string, text: string) => ({ name, mimeType: "text/plain", buffer: Buffer.from(text) });
    await choose.setInputFiles(file("empty.txt", ""));
    await page.getByRole("status").getByText("empty.txt is empty; choose another file.").waitFor();
    await choose.setInputFiles(file("diary.txt", "Dear diary, ".repeat(900)));
    await page.getByRole("heading", { level: 1, name: "My diary, regrown" }).waitFor();
    expect(await page.locator(".run-head .sub").textContent()).toContain("on diary");
  });

  it("takes a file that was chosen before, and zips whose ending is in capitals", async () => {
    const page = await visit();
    await page.getByText("Your own text").click();
    const choose = page.getByLabel("Choose a file");
    await choose.setInputFiles({ name: "sea.txt", mimeType: "text/plain", buffer: Buffer.from("sea ".repeat(9000)) });
    await page.getByText("sea: 36,000 characters").waitFor();
    // As a browser tells of no change where the same is chosen again.
    expect(await choose.inputValue()).toBe("");
    const zip = { name: "WHALES.ZIP", mimeType: "application/zip", buffer: Buffer.from("PK") };
    await page.getByLabel("Open a zip").setInputFiles(zip);
    await page.getByRole("heading", { level: 1, name: "WHALES", exact: true }).waitFor();
  });

  it("calls by their name what a model of byte pairs reads and writes, and counts them", async () => {
    const page = await visit();
    await page.getByText("Your own text").click();
    await page.getByLabel("Your text").fill("the whale was a great white thing ".repeat(200));
    await page.getByLabel("What it reads and writes").selectOption("byte-pairs");
    await start(page);
    await button(page, "Pause").click();
    await page.getByText("It guesses pieces at first").waitFor();
    await page.getByRole("combobox", { name: "Across" }).selectOption("tokens");
    await page.locator(".curves .u-over").hover();
    await page.locator(".readout", { hasText: / pieces ·/ }).waitFor();
    await page.getByRole("tab", { name: "Write" }).click();
    await page.getByText("The model goes on from your text, one piece at a time").waitFor();
    await page.getByText("Pieces to write.").waitFor();
    await page.getByRole("tab", { name: "Look inside" }).click();
    await page.getByText("Parameter tokens that each piece uses").waitFor();
    await page.getByText("Earlier pieces that each piece looks at").waitFor();
    // More characters than the context holds pieces, and then more pieces.
    const note = page.locator("#look-note");
    await page.getByLabel("Text to look into").fill("whale ".repeat(20));
    await expect.poll(() => page.locator(".chips button").count()).toBe(40);
    expect(await note.textContent()).toMatch(/^Seen at step \d+\.$/);
    await page.getByLabel("Text to look into").fill("whale ".repeat(40));
    await note.getByText("the last 64 pieces: its context holds no more").waitFor();
  });

  it("says what it runs on, also once that is something else", async () => {
    const page = await visit();
    const device = page.locator(".device");
    await device.getByText("WebAssembly, 8 threads").waitFor();
    const environment = JSON.stringify({ backend: "wasm", device: "WebAssembly, 2 threads", notices: [] });
    await page.evaluate(`engine.happens({ type: "environment", environment: ${environment} })`);
    await device.getByText("WebAssembly, 2 threads").waitFor();
  });

  const states: Readonly<Record<string, { query?: Record<string, string>; act?: (page: Page) => Promise<void> }>> = {
    "the first screen with all choices": { act: (page) => page.getByText("More choices").click() },
    "a run watched from its first line": { act: start },
    "a run that has grown": {
      act: async (page) => {
        await start(page);
        await button(page, "Double it").click();
        await page.getByText("Nothing forgotten.").waitFor();
      },
    },
    "a run that is shared": {
      act: async (page) => {
        await start(page);
        await button(page, "Share").click();
        await page.getByRole("img", { name: /^The growth ring/ }).waitFor();
      },
    },
    "what someone has shared": {
      act: async (page) => {
        await page.goto(
          `${page.url()}#/r?text=Moby-Dick&step=400&grow=188:x2&rings=0:900:1,188:900:0.6&before=teh+wha&now=the+whale`,
        );
        await page.getByText("A model that grew").waitFor();
      },
    },
    "the inside of a model": {
      act: async (page) => {
        await start(page);
        await page.getByRole("tab", { name: "Look inside" }).click();
        await page.getByText("Parameter tokens that each character uses").waitFor();
      },
    },
    "a text of one's own": {
      act: async (page) => {
        await page.getByText("Your own text").click();
        await page.getByLabel("Your text").fill("Too short.");
        await page.getByText("This text has 10 characters;").waitFor();
      },
    },
    "conversations of one's own": {
      act: async (page) => {
        await page.getByText("Your own text").click();
        await page.getByLabel("Your text").fill('{"prompt": "How many? ", "completion": "Five."}\n'.repeat(80));
        await page.getByText("the completions and replies alone are learned").waitFor();
        await page.locator("summary", { hasText: "More choices" }).click();
        await page.getByLabel("What it learns of prompts and conversations").selectOption("all");
        await page.getByText("all of them is learned").waitFor();
      },
    },
    "a lesson": {
      act: async (page) => {
        await start(page);
        await page.getByText("Teach it something new").click();
        await page.getByLabel("Text to teach").fill("Too short.");
      },
    },
    "a skill that is learned": {
      act: async (page) => {
        await start(page);
        await page.getByText("Teach it something new").click();
        await page.getByLabel("Text to learn", { exact: true }).selectOption({ label: "TypeScript" });
        await button(page, "Teach it").click();
        await page.getByRole("button", { name: /^Download the skill/ }).waitFor();
      },
    },
    "what someone has shared, in an article": {
      act: async (page) => {
        await page.goto(`${page.url()}#/r?text=Moby-Dick&step=400&grow=188:x2&rings=0:900:1,188:900:0.6&embed=1`);
        await page.getByText("A model that grew").waitFor();
        await page.locator(".top").waitFor({ state: "hidden" });
      },
    },
    "a model that writes": {
      act: async (page) => {
        await start(page);
        await page.getByRole("tab", { name: "Write" }).click();
        await button(page, "Write").click();
        await page.getByText("the whale was").last().waitFor();
      },
    },
    "the story": {
      act: async (page) => {
        await page.goto(`${page.url()}#/learn`);
        await page.getByText("0, exactly").waitFor();
      },
    },
    "a conversation": {
      act: async (page) => {
        await page.getByText("More choices").click();
        await page.getByLabel("Name", { exact: true }).fill("A chat");
        await start(page);
        await page.getByRole("tab", { name: "Write" }).click();
        await page.getByLabel("Your message").fill("ahoy");
        await button(page, "Send").click();
        await page.getByText("You said “ahoy”").waitFor();
      },
    },
    "a run that has failed": {
      query: { trainingFails: "The tab ran out of memory. Start a smaller run." },
      act: async (page) => {
        await button(page, "Start training").click();
        await page.getByRole("alert").waitFor();
      },
    },
    "a page that cannot start": {
      query: { openFails: "This browser has no WebAssembly." },
      act: (page) => page.getByText("This browser has no WebAssembly.").waitFor(),
    },
  };
  /** What is done in a wide page is in the tests above: here it is done in a narrow one. */
  const looks = [
    ["dark", 390],
    ["light", 1280],
  ] as const;

  it.each(Object.entries(states).map(([name, state]) => ({ name, ...state })))(
    "has nothing for axe to find in $name, dark and narrow, then light and wide",
    async ({ query, act }) => {
      const page = await visit(query, ...looks[0]);
      await page.locator("h1").waitFor();
      await act?.(page);
      await page.evaluate("engine.standStill()");
      await page.evaluate(axe.source);
      for (const [theme, width] of looks) {
        await page.emulateMedia({ colorScheme: theme });
        await page.setViewportSize({ width, height: 800 });
        await page.locator(`:root[data-theme=${theme}]`).waitFor();
        const { violations }: AxeResults = await page.evaluate("axe.run({ resultTypes: ['violations'] })");
        const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
        expect(found, `${theme}, ${width} wide`).toEqual([]);
        const overflow = await page.evaluate("document.documentElement.scrollWidth - window.innerWidth");
        expect(overflow, `${theme}, ${width} wide`).toBeLessThanOrEqual(0);
      }
    },
  );
});
