/** What the report of a study says, in order. */

import { formatDuration, formatFlops, formatInteger } from "../../report/format.ts";
import { judgeAblations } from "../ablations.ts";
import type { StudyResults } from "../results.ts";
import { compareArms } from "../verdicts.ts";
import { ablationSection } from "./ablation-section.ts";
import { answerSection } from "./answer-section.ts";
import { computeSection, curveSection, lossSection } from "./curve-section.ts";
import { counted, note, type Section, type StudyDocument } from "./document.ts";
import { growthSection } from "./growth-section.ts";
import { rateSection } from "./rate-section.ts";
import { limitSection, scepticSection } from "./sceptic-section.ts";
import { setupSection, throughput } from "./setup-section.ts";

export function studyDocument(results: StudyResults): StudyDocument {
  const comparisons = compareArms(results);
  const ablations = judgeAblations(results);
  const { stages, seeds, spent, name, date } = results;
  return {
    title: "Does it pay to train by adding parameter tokens?",
    subtitle:
      "A TokenFormer keeps its weights as key–value parameter tokens: append some, and the model is larger, computes what it computed before, and trains on. Is a model that grew through a ladder of sizes better than one trained from scratch, or a Transformer, for the same compute?",
    facts: [
      { name: "Study", value: name },
      { name: "Date", value: date },
      { name: "Sizes", value: String(stages.length) },
      { name: "Seeds", value: String(seeds.length) },
      { name: "Runs", value: formatInteger(spent.runs) },
      { name: "Compute", value: formatFlops(spent.flops) },
      { name: "Time", value: formatDuration(spent.seconds) },
    ],
    sections: [
      answerSection(results, comparisons, ablations),
      computeSection(results, comparisons),
      lossSection(results),
      curveSection(results),
      setupSection(results),
      ...growthSection(results),
      ...ablationSection(results, ablations),
      ...rateSection(results),
      scepticSection(results, comparisons, ablations),
      limitSection(results, comparisons),
      againSection(results),
    ],
  };
}

function againSection(results: StudyResults): Section {
  const { command, date, machine, software, spent } = results;
  const rate = throughput(results);
  const speed = rate === undefined ? "" : `, on average ${rate}`;
  return {
    title: "Run it again",
    blocks: [
      { kind: "code", text: command },
      note(
        `${date}, on ${machine}, with ${software}: ${counted(spent.runs, "run")}, ${formatFlops(spent.flops)} and ${formatDuration(spent.seconds)} in all, the choice of learning rates included${speed}. All numbers are in results.json beside this report.`,
      ),
    ],
  };
}
