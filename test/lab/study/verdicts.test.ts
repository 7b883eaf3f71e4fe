import { describe, expect, test } from "vitest";
import { judgeAblations } from "../../../src/lab/study/ablations.ts";
import type { ArmResult, CellResult, StudyResults } from "../../../src/lab/study/results.ts";
import { compareArms } from "../../../src/lab/study/verdicts.ts";
import { sampleStudy } from "./sample-study.ts";

/** Losses by size and seed; undefined for a run that diverged. */
type Losses = readonly (readonly (number | undefined)[])[];

/** An arm with a cell for each size from the second on, that falls to its losses by a straight line over log FLOPs. */
function arm(id: string, losses: Losses, { flops = 1000, seeds = [1, 2, 3] } = {}): ArmResult {
  const cells = losses.map((ofSeeds, at): CellResult => {
    const stage = at + 1;
    const runs = ofSeeds.map((loss, seed) => {
      const end = { step: 20, tokens: 200 * stage, flops, seconds: 9, loss: loss ?? 0 };
      const outcomes = loss === undefined ? [] : [{ ...end, stage, parameters: 5 }];
      const curve = [{ step: 1, tokens: 1, flops: flops / 100, seconds: 0, loss: 3 }];
      const failed = loss === undefined && { diverged: "NaN" };
      return { seed: seeds[seed] ?? 0, learningRate: 1, curve, outcomes, growths: [], ...failed };
    });
    return { id: `${id}/${stage}`, stage, grid: [], learningRate: 1, runs };
  });
  return { id, label: id, doc: "", cells };
}

function study(...arms: readonly ArmResult[]): StudyResults {
  const sample = sampleStudy();
  return { ...sample, stages: sample.stages.slice(0, 3), arms, ablation: { ...sample.ablation, questions: [] } };
}

const grown = arm("grown", [
  [1.5, 1.51, 1.52],
  [1.2, 1.21, 1.22],
]);

/** Grown against an arm with these losses. */
function against(losses: Losses, id = "scratch-flops", options = {}) {
  const [found] = compareArms(study(grown, arm(id, losses, options)));
  if (found === undefined) throw new Error("no comparison");
  return found;
}

describe("grown against another arm", () => {
  test("is better where its losses are lower", () => {
    const found = against([
      [1.54, 1.56, 1.55],
      [1.25, 1.23, 1.26],
    ]);
    // Differences −0.04, −0.05, −0.03 and −0.05, −0.02, −0.04; by seed on average −0.045, −0.035, −0.035.
    expect(found.verdict).toBe("better");
    expect(found.sizes.map(({ verdict }) => verdict)).toEqual(["better", "better"]);
    expect(found.sentence).toBe(
      "Grown is better than training from scratch at equal cumulative FLOPs by 0.038 nats (95 % interval 0.035 to 0.045) on average, at 2 of 2 sizes.",
    );
  });

  test("is worse where they are higher", () => {
    const found = against([
      [1.4, 1.42, 1.43],
      [1.1, 1.11, 1.09],
    ]);
    expect(found.verdict).toBe("worse");
    expect(found.sentence).toMatch(
      /^Grown is worse than training from scratch at equal cumulative FLOPs by 0\.102 nats \(95 % interval 0\.\d+ to 0\.\d+\) on average, at 2 of 2 sizes\.$/,
    );
  });

  test("is not different where seeds disagree, or the difference is small beside the deviation", () => {
    const found = against([
      [1.51, 1.5, 1.53],
      [1.21, 1.22, 1.2],
    ]);
    expect(found.verdict).toBe("none");
    expect(found.sentence).toMatch(
      /^No difference found between grown and training from scratch at equal cumulative FLOPs at 2 sizes: on average grown is better by 0\.002 nats \(95 % interval −0\.\d+ to 0\.\d+\), where two standard errors are 0\.0\d\d\.$/,
    );
  });

  test("is mixed where sizes say opposite things, and names them", () => {
    const found = against([
      [1.6, 1.61, 1.62],
      [1.1, 1.11, 1.12],
    ]);
    expect(found.verdict).toBe("mixed");
    expect(found.sentence).toBe(
      "Mixed: against training from scratch at equal cumulative FLOPs, grown is better at 1 of 2 sizes (606 k), worse at 1 of 2 sizes (1.2 M); on average better by 0.000 nats (95 % interval 0.000 to 0.000).",
    );
  });

  test("is better on the whole if a size is not different and none is worse", () => {
    const found = against([
      [1.6, 1.61, 1.62],
      [1.2, 1.211, 1.222],
    ]);
    expect(found.sizes.map(({ verdict }) => verdict)).toEqual(["better", "none"]);
    expect(found.verdict).toBe("better");
    expect(found.sentence).toContain("on average, at 1 of 2 sizes.");
  });

  test("leaves out seeds that one side lacks", () => {
    const found = against(
      [
        [undefined, 1.55, 1.56],
        [1.26, 1.25, 1.26],
      ],
      "transformer-flops",
    );
    expect(found.sizes.map(({ difference }) => difference?.count)).toEqual([2, 3]);
    expect([...(found.average?.values.keys() ?? [])]).toEqual([2, 3]);
    expect(found.sentence).toMatch(/^Grown is better than the Transformer at equal cumulative FLOPs by 0\.04\d nats/);
  });

  test("is unknown with a seed, with other seeds, or with no cell", () => {
    const unknown =
      "Grown against the Transformer widened step by step (Net2Net): not known yet, as no size has two seeds of both.";
    expect(against([[1.6]], "net2net").sentence).toBe(unknown);
    expect(against([[1.6, 1.7, 1.8]], "net2net", { seeds: [7, 8, 9] }).sentence).toBe(unknown);
    expect(against([], "net2net")).toMatchObject({ verdict: "unknown", sentence: unknown });
    expect(compareArms(study(arm("net2net", [[1, 2]])))[0]?.verdict).toBe("unknown");
    expect(compareArms(study())).toEqual([]);
  });

  test("says how many sizes there are so far", () => {
    const found = against([[1.6, 1.61, 1.62]]);
    expect(found.sentence).toMatch(/ at 1 of 1 sizes \(1 of 2 sizes so far\)\.$/);
  });

  test("leaves the first size out, which has not grown", () => {
    const results = sampleStudy();
    for (const { id, sizes } of compareArms(results)) {
      const last = id === "scratch-total" || id === "no-growth";
      expect(sizes.map(({ stage }) => stage)).toEqual(last ? [3] : [1, 2, 3]);
    }
  });
});

describe("the speed-up at equal loss", () => {
  test("is the other's FLOPs to the higher final loss over those of grown, less 1", () => {
    // Grown falls from 3 at 10 to 1.2 at 1000 FLOPs: 2.1, the other's end, is halfway, at 100.
    const losses = (loss: number): Losses => [
      [5, 5],
      [loss, loss],
    ];
    const [found] = compareArms(study(arm("grown", losses(1.2)), arm("scratch-flops", losses(2.1), { flops: 150 })));
    expect(found?.sizes[1]?.speedUp).toBeCloseTo(0.5, 9);
    const [back] = compareArms(study(arm("grown", losses(2.1), { flops: 150 }), arm("scratch-flops", losses(1.2))));
    expect(back?.sizes[1]?.speedUp).toBeCloseTo(100 / 150 - 1, 9);
  });

  test("is missing where an arm is", () => {
    expect(against([[1.6, 1.61, 1.62]]).sizes[1]).toEqual({ stage: 2, verdict: "unknown" });
  });

  test("comes with what both had spent", () => {
    const found = against([[1.6, 1.61]], "scratch-tokens", { flops: 400 });
    expect(found.sizes[0]).toMatchObject({ flopsRatio: 0.4, tokensRatio: 1 });
  });
});

describe("the ablations", () => {
  const judged = judgeAblations(sampleStudy());
  const question = (id: string) => judged.questions.find((found) => found.id === id);
  const verdictsOf = (id: string) => question(id)?.variants.map((variant) => [variant.id, variant.verdict]);

  test("tell the better from the worse", () => {
    expect(verdictsOf("tau")).toEqual([
      ["reference", "none"],
      ["tau-fixed", "worse"],
      ["tau-slow", "none"],
      ["tau-learned", "none"],
    ]);
    expect(verdictsOf("init")?.[1]).toEqual(["init-split", "better"]);
    expect(question("init")?.sentences[0]).toMatch(
      /^Better than the reference: split by 0\.0\d\d nats \(95 % interval /,
    );
    expect(question("tau")?.sentences[0]).toMatch(/^Worse than the reference: fixed by 0\.0\d\d nats /);
  });

  test("compare the ranking after the lag with that at the end, of what grew once at the same step", () => {
    expect(question("when")?.ranking.count).toBe(1);
    expect(question("step-size")?.ranking.count).toBe(1);
    expect(question("tau")?.ranking.count).toBe(4);
    expect(question("init")?.ranking.flipped).toContainEqual(["random keys, τ = √n", "reference"]);
    expect(question("tau")?.ranking.kept).toContainEqual(["reference", "fixed"]);
  });

  test("tell the jump at growth, summed over the growths", () => {
    expect(question("init")?.variants.map(({ jump }) => jump?.toFixed(2))).toEqual(["0.00", "0.00", "0.42", "0.38"]);
  });

  /** The sample with the final losses and jumps of its variants set by their place in the list. */
  function remade(jumpAt: (place: number) => number, lagAt: (place: number) => number): StudyResults {
    const sample = sampleStudy();
    let place = 0;
    const questions = sample.ablation.questions.slice(0, 3).map((asked) => ({
      ...asked,
      variants: asked.variants.map((variant) => {
        const at = variant.id === "reference" ? 0 : ++place;
        const runs = variant.cell.runs.map((run) => ({
          ...run,
          outcomes: run.outcomes.map((outcome) => ({ ...outcome, loss: 1.5 + 0.01 * at })),
          growths: run.growths.map((growth) => ({
            ...growth,
            lossAfter: growth.lossBefore + jumpAt(at),
            lagLoss: lagAt(at),
          })),
        }));
        return { ...variant, cell: { ...variant.cell, runs } };
      }),
    }));
    return { ...sample, ablation: { ...sample.ablation, questions } };
  }

  test("say whether preservation and the lag foretell the end", () => {
    const along = judgeAblations(
      remade(
        (at) => at / 50,
        (at) => 1.6 + at / 100,
      ),
    ).sentences;
    expect(along[0]).toMatch(
      /^The ranking after the short lag agrees well with that at the end \(Spearman 1\.00, p < 0\.001 by shuffling, over 9 variants\)\.$/,
    );
    expect(along[1]).toMatch(
      /^Function preservation predicts the final loss: the further the loss jumped at growth, the higher it ended \(Spearman 1\.00/,
    );
    const against = judgeAblations(
      remade(
        (at) => -at / 50,
        (at) => 1.6 - at / 100,
      ),
    ).sentences;
    expect(against[0]).toMatch(
      /^The ranking after the short lag does not agree with that at the end \(Spearman −1\.00/,
    );
    expect(against[1]).toMatch(/the wrong way round: the further the loss jumped at growth, the lower it ended/);
    const [, unrelated] = judgeAblations(
      remade(
        (at) => [3, 8, 1, 9, 2, 7, 4, 6, 5][at] ?? 0,
        () => 1,
      ),
    ).sentences;
    expect(unrelated).toMatch(/^Function preservation does not predict the final loss/);
  });

  test("take jumps within rounding for equal", () => {
    const [, sentence] = judgeAblations(
      remade(
        (at) => at * 1e-6,
        (at) => at,
      ),
    ).sentences;
    expect(sentence).toMatch(/not known yet: too few variants differ/);
  });

  test("say what is not known of partial results", () => {
    const sample = sampleStudy();
    const questions = sample.ablation.questions.map((asked) => ({
      ...asked,
      variants: asked.variants.map((variant) => ({
        ...variant,
        cell: { ...variant.cell, runs: variant.id === "reference" ? variant.cell.runs : [] },
      })),
    }));
    const partial = judgeAblations({ ...sample, ablation: { ...sample.ablation, questions } });
    expect(partial.questions[1]?.sentences).toEqual(["Not known yet: fixed; ramp over half the stage; learned."]);
    expect(partial.sentences.join(" ")).toMatch(/not known yet: fewer than three .* not known yet: too few/);
    expect(judgeAblations({ ...sample, ablation: { ...sample.ablation, questions: [] } }).questions).toEqual([]);
    const leftOut = [{ label: "halves", reason: "3 is no multiple of 2" }];
    const without = judgeAblations({
      ...sample,
      ablation: { ...sample.ablation, questions: questions.map((asked) => ({ ...asked, leftOut })) },
    });
    expect(without.questions[0]?.sentences.at(-1)).toBe(
      "Left out: halves, which this ladder does not allow (3 is no multiple of 2).",
    );
  });
});
