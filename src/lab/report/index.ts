/** The report of a training run: one page of HTML, and the numbers in it formatted for people. */

export * from "./format.ts";
export { renderReport } from "./page.ts";
export type { Fact, GrowthRecord, Report, SampleRecord, StepRecord, ValidationRecord } from "./report.ts";
