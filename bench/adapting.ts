/**
 * What training a skill takes beside training all parameters: peak memory and seconds of an update of the published 150M model, a process
 * each, in turns.
 *
 *     npm run bench:adapting -- [--context 128] [--add 16] [--updates 3] [--rounds 2]
 */

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { openDevice, parseConfig, presets } from "tokenformer";
import { z } from "zod";
import { generationPath, givenOf, modelOf, parametersOf, siteKinds, sitesOf } from "#tokenformer/model";
import { Trainer } from "#tokenformer/training";
import { machine, median } from "./measure.ts";
import { countOf, oneOf, parsedOptions } from "./options.ts";

const { values: options } = parsedOptions({
  options: {
    context: { type: "string", default: "128" },
    add: { type: "string", default: "16" },
    updates: { type: "string", default: "3" },
    rounds: { type: "string", default: "2" },
    /** In a process of its own: which of both. */
    way: { type: "string" },
  },
});

const ways = ["full", "skill"] as const;
const context = countOf(options.context, "--context");
const add = countOf(options.add, "--add");
const resultSchema = z.object({ learning: z.number(), gigabytes: z.number(), seconds: z.array(z.number()) });

/** Weights of no meaning: neither memory nor time depends on them. */
function weights(size: readonly number[]) {
  const data = new Float32Array(size.reduce((product, length) => product * length, 1));
  for (let index = 0; index < Math.min(4096, data.length); index++) data[index] = 0.02 * Math.sin(index);
  for (let filled = 4096; filled < data.length; filled *= 2) data.copyWithin(filled, 0, filled);
  return { shape: size, data };
}

async function measured(way: (typeof ways)[number]) {
  const { config } = presets["150m"];
  const tokens = Object.fromEntries(siteKinds.map((kind) => [kind, add]));
  const generations = way === "skill" ? [{ tokens }] : [];
  const { model, training } = parseConfig({
    ...config,
    model: { ...config.model, context, vocabulary: 50_304, generations },
  });
  if (model.type !== "tokenformer") throw new Error("the preset is a TokenFormer");
  const complete = { ...model, vocabulary: 50_304 };
  const sites = sitesOf(complete);
  const lineage = new Map(
    sites.map(({ path, tokens }) => [path, [{ tokens, born: 0, init: "initial", updates: 0, frozenUntil: 0 }]]),
  );
  const added = new Set(sites.map(({ place }) => generationPath(place, 1)));
  const learns = (name: string) => added.has(name.replace(/\.[^.]*$/, ""));
  const device = await openDevice("cpu");
  const parameters = new Map(parametersOf(complete).map(({ name, size }) => [name, weights(size)]));
  const state = { step: 0, parameters, moments: undefined, updates: 0, lineage };
  const trainer = await Trainer.create(device, modelOf(complete), state, {
    ...training,
    given: givenOf(complete),
    time: context,
    ...(way === "skill" && { learns }),
  });
  const seconds: number[] = [];
  for (let update = 0; update <= countOf(options.updates, "--updates"); update++) {
    const tokens = Int32Array.from({ length: context }, (_, place) => (place * 7919 + update * 104_729) % 50_304);
    const startedAt = performance.now();
    await trainer.update([{ tokens, targets: tokens.toReversed(), sequences: 1, context }], 1e-4, 1);
    if (update > 0) seconds.push((performance.now() - startedAt) / 1000);
  }
  const { learning } = trainer;
  await trainer.close();
  await device.close();
  const [, peak] = /VmHWM:\s+(\d+) kB/.exec(readFileSync("/proc/self/status", "utf8")) ?? [];
  return { learning, gigabytes: (1024 * Number(peak)) / 1e9, seconds };
}

if (options.way !== undefined) console.log(JSON.stringify(await measured(oneOf(ways, options.way, "--way"))));
else {
  const results: Record<(typeof ways)[number], z.infer<typeof resultSchema>[]> = { full: [], skill: [] };
  for (let round = 0; round < countOf(options.rounds, "--rounds"); round++) {
    for (const way of ways) {
      const again = [fileURLToPath(import.meta.url), ...process.argv.slice(2), "--way", way];
      results[way].push(resultSchema.parse(JSON.parse(execFileSync(process.execPath, again, { encoding: "utf8" }))));
    }
  }
  const [full, skill] = ways.map((way) => ({
    gigabytes: median(results[way].map(({ gigabytes }) => gigabytes)),
    seconds: median(results[way].flatMap(({ seconds }) => seconds)),
    learning: results[way][0]?.learning,
  }));
  console.log(JSON.stringify({ machine, full, skill }, null, 1));
}
