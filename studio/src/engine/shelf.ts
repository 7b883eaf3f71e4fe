/** The runs: those that are kept, and those of them that are on the device. */

import {
  attachSkills,
  type Checkpoint,
  type Config,
  checkpointFiles,
  countParameters,
  type Device,
  DivergenceError,
  type ModelState,
  parseCheckpoint,
  parseSkill,
  Run,
  skillFiles,
  skillOf,
  type Tokenizer,
  UserError,
} from "tokenformer/browser";
import type {
  EngineEvent,
  GrowthRequest,
  Lesson,
  NamedFile,
  RunStatus,
  RunSummary,
  RunView,
  TextChoice,
} from "./api.ts";
import { METRICS_FILE, packed, textFileOf, textIn, unpacked, unpackedSkill } from "./archive.ts";
import { choicesOf, costsOf, endlessOf } from "./choices.ts";
import { explained, unsoundWords } from "./faults.ts";
import { EMPTY, type History, historyOf, metricsText } from "./history.ts";
import { type Facts, LiveRun, type PlannedGrowthEvent, type RunState } from "./live-run.ts";
import { LiveRuns, type OpenRun } from "./live-runs.ts";
import { OneByOne } from "./one-by-one.ts";
import { checkpointTokenizer, corpusOf, type NamedText, tokenizerOf } from "./pieces.ts";
import { lossOf, type Named, newRecord, summaryOf } from "./records.ts";
import { isOfChoices } from "./regrowing.ts";
import { siteViews } from "./sites.ts";
import { type Store, type StoredRun, type StoredState, storageFault } from "./store.ts";
import { heldOutOf, lessonStart, skillView } from "./teaching.ts";
import { fallbackText, textOf } from "./texts.ts";

export interface ShelfOptions {
  readonly store: Omit<Store, "close">;
  readonly device: () => Device;
  readonly status: (run: string) => RunStatus;
  readonly tell: (event: EngineEvent) => void;
}

/** What a new run is made of. */
export interface NewRun extends Named {
  readonly config: Config;
  readonly besides?: string;
  /** Default: one for the pieces of the text. */
  readonly tokenizer?: Tokenizer | undefined;
}

/** What is handed on of a run that is made of a checkpoint. */
interface Taken extends Named {
  readonly checkpoint: Checkpoint;
  readonly history: History;
}

export class Shelf {
  readonly #options: ShelfOptions;
  readonly #records: Map<string, StoredRun>;
  readonly #live: LiveRuns;
  /** What is being kept of each run. */
  readonly #keeping = new Map<string, OneByOne>();

  private constructor(options: ShelfOptions, records: readonly StoredRun[]) {
    this.#options = options;
    this.#records = new Map(records.map((record) => [record.id, record]));
    this.#live = new LiveRuns({
      open: (id) => this.#open(id),
      trains: (id) => isTraining(options.status(id)),
    });
  }

  static async open(options: ShelfOptions): Promise<Shelf> {
    return new Shelf(options, await options.store.runs());
  }

  /** Summaries of the runs, those changed last first. */
  summaries(): RunSummary[] {
    return [...this.#records.values()]
      .toSorted((a, b) => b.changed - a.changed)
      .map((record) => this.#summaryOf(record));
  }

  summary(id: string): RunSummary {
    return this.#summaryOf(this.record(id));
  }

  has(id: string): boolean {
    return this.#records.has(id);
  }

  /** @throws UserError where there is no such run */
  record(id: string): StoredRun {
    const record = this.#records.get(id);
    if (record !== undefined) return record;
    throw new UserError("That run is not kept in this browser: it was deleted here, or was trained elsewhere.");
  }

  /** Learns what is kept of a run, where another tab may have kept it. */
  refresh(id: string): Promise<void> {
    return this.#inTurn(id, async () => {
      const kept = await this.#options.store.run(id);
      if (kept !== undefined) this.#records.set(id, kept);
      else if (!this.#live.isUnsaved(id)) this.#records.delete(id);
    });
  }

  /** Reads or keeps something of a run after what is being kept of it already: each revision follows from the one before. */
  #inTurn<Result>(id: string, work: () => Promise<Result>): Promise<Result> {
    const keeping = this.#keeping.get(id) ?? new OneByOne();
    this.#keeping.set(id, keeping);
    return keeping.do(work);
  }

  /** A new run, which has not been trained. */
  async create({ name, config, text, pieces, besides, tokenizer }: NewRun): Promise<RunView> {
    const corpus = corpusOf(text, tokenizer ?? tokenizerOf(text, pieces));
    const run = await Run.create({ config, corpus, ...this.#placeOf(text) });
    return this.#adopt(run, { name, text, pieces }, besides);
  }

  /** Where a run computes, and what its checkpoints say of its text that is not as usual. */
  #placeOf({ name, lossOn }: NamedText) {
    const device = this.#options.device();
    return lossOn === "all" ? { device, data: { dataName: name, data: { train: [name], lossOn } } } : { device };
  }

  /** A run on the device that is to be kept from now on. */
  async #adopt(run: Run, named: Named, besides?: string): Promise<RunView> {
    const record: StoredRun = {
      ...newRecord(named, run.config.model, run.corpus),
      ...(besides !== undefined && { besides }),
      step: 0,
    };
    const { text } = named;
    this.#records.set(record.id, record);
    this.#live.adopt(record.id, { live: this.#liveRun(record.id, run, EMPTY, text), text });
    // It is on the device and in the list, whether it can be kept or not.
    await this.saveIfPossible(record.id);
    return this.view(record.id);
  }

  #liveRun(id: string, run: Run, history: History, { before }: NamedText): LiveRun {
    return new LiveRun(id, run, history, (event) => this.#heed(event), before);
  }

  /** A run from files. Throws a `UserError` where they are not those of a checkpoint. */
  async take(name: string, source: Blob | readonly NamedFile[], choice?: TextChoice): Promise<RunView> {
    const files = await unpacked(source);
    const checkpoint = await parseCheckpoint(files);
    const pieces = checkpointTokenizer(checkpoint).kind === "character" ? "characters" : "byte-pairs";
    const own = textIn(files);
    const given = await (choice === undefined ? fallbackText(checkpoint, own) : textOf(choice));
    const replaces = own === undefined ? given.name !== checkpoint.dataName : given.text !== own;
    const text = { ...given, lossOn: checkpoint.data?.lossOn, replaces };
    const history = historyOf(new TextDecoder().decode(files.get(METRICS_FILE)));
    return this.#take({ name, checkpoint, text, history, pieces });
  }

  /** Another run that is as this one is now. */
  async duplicate(id: string): Promise<RunView> {
    const { name, pieces = "characters" } = this.record(id);
    const { live, text } = await this.live(id);
    const { checkpoint, history } = await live.state();
    return this.#take({ name: `${name}, at step ${live.step}`, checkpoint, text, history, pieces });
  }

  /** Another run that is as this one is now, with a skill. Throws a `UserError` where that is no skill, or one of another model. */
  async attachSkill(id: string, called: string, source: Blob | readonly NamedFile[]): Promise<RunView> {
    const skill = await parseSkill(await unpackedSkill(source), called);
    const { name, pieces = "characters" } = this.record(id);
    const { live, text } = await this.live(id);
    const { checkpoint, history } = await live.state();
    const attached = await attachSkills(checkpoint, [skill], name);
    return this.#take({ name: `${name}, with ${called}`, checkpoint: attached, text, history, pieces });
  }

  /** A run that learns a text by tokens of its own, beside those of another one as it is now. */
  async teach(id: string, { text: choice, tokens }: Lesson): Promise<RunView> {
    const { name, pieces = "characters" } = this.record(id);
    const { live } = await this.live(id);
    const { checkpoint } = await live.state();
    const { tokenizer } = live.corpus;
    const text = { ...(await textOf(choice)), before: heldOutOf(live.corpus) };
    const start = await lessonStart(checkpoint, corpusOf(text, tokenizer), tokens, name);
    const run = await Run.begin(start, this.#placeOf(text));
    return this.#adopt(run, { name: `${name}, taught ${text.name}`, text, pieces });
  }

  /** A zip of the skill that a run learns, as it is now. Throws a `UserError` where it learns none. */
  async skill(id: string): Promise<Blob> {
    const open = await this.#current(id);
    const checkpoint =
      open === undefined
        ? await parseCheckpoint((await this.#storedState(id)).files)
        : (await open.live.state()).checkpoint;
    return packed(await skillFiles(skillOf(checkpoint, this.record(id).name)));
  }

  async #take({ name, checkpoint, text, history, pieces }: Taken): Promise<RunView> {
    const { state } = checkpoint;
    const corpus = corpusOf(text, checkpointTokenizer(checkpoint));
    const record: StoredRun = {
      ...newRecord({ name, text, pieces }, state.config, corpus),
      step: state.step,
      ...lossOf(history),
    };
    const kept = { files: await checkpointFiles(checkpoint), history };
    this.#records.set(record.id, await this.#write(record, { state: kept, text }));
    this.#options.tell({ type: "summary", summary: this.summary(record.id) });
    return this.view(record.id);
  }

  /** A run on the device, opened from what is kept where it is not there. */
  live(id: string): Promise<OpenRun> {
    return this.#live.open(id, this.record(id).revision ?? 0);
  }

  /** Has a run that has come to the end of its schedule go on without one: as it is when it is opened anew. */
  async goOn(id: string): Promise<void> {
    const open = await this.#live.get(id)?.catch(() => undefined);
    if (open === undefined || open.live.step < open.live.facts().config.training.steps) return;
    if (this.isUnsaved(id)) await this.save(id);
    if (!this.isUnsaved(id)) await this.#live.unload(id);
  }

  /**
   * Has a run be what is kept of it, whatever became of it since.
   * @returns whether it is: one of which nothing is kept stays as it is
   */
  async goBack(id: string): Promise<boolean> {
    if (this.#live.isNew(id)) return false;
    await this.#live.unload(id);
    await this.refresh(id);
    return true;
  }

  /** Whether the page has more of a run than what is kept. */
  isUnsaved(id: string): boolean {
    return this.#live.isUnsaved(id);
  }

  /** The runs of which the page has more than what is kept. */
  get unsaved(): string[] {
    return [...this.#records.keys()].filter((id) => this.isUnsaved(id));
  }

  /** What is to be seen of a run beside its weights. */
  async facts(id: string): Promise<Facts> {
    const open = await this.#current(id);
    return open?.live.facts() ?? this.#stored(id);
  }

  /** A run that is on the device as it is now: not where another tab has it, or has kept something else of it since. */
  #current(id: string): Promise<OpenRun> | undefined {
    if (isElsewhere(this.#options.status(id))) return undefined;
    return this.#live.current(id, this.record(id).revision ?? 0);
  }

  /** All that is drawn of a run. */
  async view(id: string): Promise<RunView> {
    const record = this.record(id);
    const facts = await this.facts(id);
    const { config, lineage, tokenizer, history, part } = facts;
    const skill = part === undefined ? undefined : skillView(facts, (await this.text(id)).before);
    const { memory, flopsPerUpdate } = costsOf(config, config.model);
    return {
      summary: this.#summaryOf(record),
      choices: choicesOf(record.name, config),
      pieces: record.pieces ?? "characters",
      lossOn: record.lossOn,
      regrows: isOfChoices(facts) && (await this.text(id)).replaces !== true,
      converses: tokenizer?.settings?.chatTemplate !== undefined,
      vocabulary: record.vocabulary,
      trainTokens: record.trainTokens,
      validationTokens: record.validationTokens,
      memory,
      flopsPerUpdate,
      sites: siteViews(config.model, lineage),
      ...history,
      undoable: await this.#options.store.hasUndo(id, beforeLast(history)),
      ...(skill !== undefined && { skill }),
    };
  }

  rename(id: string, name: string): Promise<void> {
    return this.#inTurn(id, async () => {
      const renamed = { ...this.record(id), name };
      if (this.isUnsaved(id)) {
        // A record alone has nothing to be opened, or would be ahead of what is kept where that failed.
        this.#records.set(id, renamed);
        this.#options.tell({ type: "summary", summary: this.#summaryOf(renamed) });
        return this.#save(id);
      }
      const record = await this.#write(renamed);
      this.#records.set(id, record);
      this.#live.follow(id, record.revision ?? 0);
      this.#options.tell({ type: "summary", summary: this.#summaryOf(record) });
    });
  }

  remove(id: string): Promise<void> {
    return this.#inTurn(id, async () => {
      await this.#options.store.remove(id);
      this.forget(id);
      this.#options.tell({ type: "deleted", run: id });
      await this.#live.unload(id);
    });
  }

  /** Another tab has deleted a run. */
  forget(id: string): void {
    this.#records.delete(id);
  }

  /**
   * Grows a run, and keeps what it was, to go back to. Where that cannot be kept, it does not grow; where it cannot grow, the way back
   * from the growth before stays.
   */
  async grow(id: string, request: GrowthRequest): Promise<void> {
    const { store } = this.#options;
    const { live } = await this.live(id);
    const growths = live.facts().history.growths.length;
    try {
      await live.grow(request, async ({ checkpoint, history }) => {
        try {
          await store.keepUndo(id, { files: await checkpointFiles(checkpoint), history });
        } catch (error) {
          throw new UserError(`It did not grow, as there would be no way back. ${storageFault(error).message}`);
        }
      });
    } catch (error) {
      await store.dropUndo(id, growths).catch(ignored);
      throw error;
    }
    await store.dropUndoBefore(id, growths).catch(ignored);
  }

  /** Goes back to what a run was before it grew last. */
  undo(id: string): Promise<RunView> {
    return this.#inTurn(id, () => this.#undo(id));
  }

  async #undo(id: string): Promise<RunView> {
    const growths = beforeLast((await this.facts(id)).history);
    const state = await this.#options.store.undo(id, growths);
    if (state === undefined) {
      throw new UserError(
        "There is no growth to undo here: it was undone in another tab, or there was no way back from it.",
      );
    }
    const { state: was } = await parseCheckpoint(state.files);
    const record = this.#progressed(id, was, state.history);
    const text = this.#textToKeep(id, await this.#live.get(id));
    const kept = await this.#write(record, { state, ...text });
    await this.#live.unload(id);
    this.#records.set(id, kept);
    await this.#options.store.dropUndo(id, growths).catch(ignored);
    return this.view(id);
  }

  /** A zip of a run as it is now, from memory where it is there: what the browser could not keep can still be handed out. */
  async archive(id: string): Promise<Blob> {
    const { files, history, text } = await this.#everything(id);
    const encoder = new TextEncoder();
    return packed(
      new Map<string, Uint8Array>([
        ...files,
        [METRICS_FILE, encoder.encode(metricsText(history))],
        [textFileOf(text), encoder.encode(text.text)],
      ]),
    );
  }

  async #everything(id: string): Promise<StoredState & { readonly text: NamedText }> {
    const open = await this.#current(id);
    if (open === undefined) return { ...(await this.#storedState(id)), text: await this.text(id) };
    const { checkpoint, history } = await open.live.snapshot();
    return { files: await checkpointFiles(checkpoint), history, text: open.text };
  }

  async text(id: string): Promise<NamedText> {
    return (await this.#live.get(id))?.text ?? this.#storedText(id);
  }

  /** Forgets what is on the device, for it is gone. */
  dropLive(): void {
    this.#live.drop();
  }

  async #open(id: string): Promise<OpenRun> {
    const [state, text] = [await this.#storedState(id), await this.#storedText(id)];
    const checkpoint = await parseCheckpoint(state.files);
    const corpus = corpusOf(text, checkpointTokenizer(checkpoint));
    const config = endlessOf(checkpoint.config, checkpoint.state.step);
    const run = await Run.resume(checkpoint, { corpus, config, ...this.#placeOf(text) });
    return { live: this.#liveRun(id, run, state.history, text), text };
  }

  #heed(event: EngineEvent | PlannedGrowthEvent): void {
    if (event.type === "grown") void this.#tellGrown(event.run);
    else this.#options.tell(event);
  }

  async #tellGrown(id: string): Promise<void> {
    const { store, tell } = this.#options;
    try {
      const view = await this.changed(id);
      // Nobody has asked for this growth, and what was before an earlier one would take all since that back.
      await store.dropUndoBefore(id, view.growths.length);
    } catch (error) {
      tell({ type: "notice", message: explained(error).message });
    }
  }

  async #storedState(id: string): Promise<StoredState> {
    const state = await this.#options.store.state(id);
    if (state === undefined) throw nothingKept();
    return state;
  }

  async #storedText(id: string): Promise<NamedText> {
    const text = await this.#options.store.text(id);
    if (text === undefined) throw nothingKept();
    return text;
  }

  async #stored(id: string): Promise<Facts> {
    const { files, history } = await this.#storedState(id);
    const { config, state, tokenizer, part } = await parseCheckpoint(files);
    return { config, lineage: state.lineage, tokenizer, history, part };
  }

  /** Keeps a run as it is now. Where that fails, it goes on, and the visitor is told. */
  save(id: string): Promise<void> {
    return this.#inTurn(id, () => this.#save(id));
  }

  /** Keeps a run if it can be. Whatever fails, the visitor is told, and what is done beside it goes on. */
  async saveIfPossible(id: string): Promise<void> {
    try {
      await this.save(id);
    } catch (error) {
      this.#options.tell({ type: "notice", message: explained(error).message });
      await this.#tellUnkept(id);
    }
  }

  /** Keeps a run that has become another one if it can be, and tells it in any case. */
  async changed(id: string): Promise<RunView> {
    await this.saveIfPossible(id);
    const view = await this.view(id);
    // The summary that was told when it was kept says of more or fewer parameters than the sites that are drawn have.
    this.#options.tell({ type: "changed", view });
    return view;
  }

  /** Tells a run as it is on the device, where what is to be kept of it cannot be had. */
  async #tellUnkept(id: string): Promise<void> {
    const open = await this.#live.get(id)?.catch(() => undefined);
    if (open === undefined || !this.has(id)) return;
    const { config, history } = open.live.facts();
    const record = this.#progressed(id, { config: config.model, step: open.live.step }, history);
    this.#records.set(id, record);
    this.#options.tell({ type: "summary", summary: this.#summaryOf(record) });
  }

  async #save(id: string): Promise<void> {
    const open = await this.#live.get(id);
    if (open === undefined) return;
    const now = await this.#soundState(id, open.live);
    if (now === undefined) return;
    const { checkpoint, history, changes } = now;
    const record = this.#progressed(id, checkpoint.state, history);
    this.#records.set(id, record);
    try {
      const state = { files: await checkpointFiles(checkpoint), history };
      const kept = await this.#options.store.save(record, { state, ...this.#textToKeep(id, open) });
      this.#records.set(id, kept);
      this.#live.keep(id, kept.revision ?? 0, changes);
    } catch (error) {
      this.#options.tell({ type: "notice", message: storageFault(error).message });
    }
    this.#options.tell({ type: "summary", summary: this.#summaryOf(record) });
  }

  /** What is known of a run, as it is now. */
  #progressed(id: string, { config, step }: Pick<ModelState, "config" | "step">, history: History): StoredRun {
    const parameters = countParameters(config).total;
    return { ...this.record(id), parameters, step, ...lossOf(history), changed: Date.now() };
  }

  /** Writes a run to the store. Throws a `UserError` where that refuses it. */
  async #write(...given: Parameters<Store["save"]>): Promise<StoredRun> {
    try {
      return await this.#options.store.save(...given);
    } catch (error) {
      throw storageFault(error);
    }
  }

  /** The text of a run, which never changes, goes with what is kept of it first. */
  #textToKeep(id: string, open: OpenRun | undefined): { readonly text?: NamedText } {
    return open !== undefined && this.#live.isNew(id) ? { text: open.text } : {};
  }

  /** Undefined where it has diverged: what was kept before is kept still. */
  async #soundState(id: string, live: LiveRun): Promise<RunState | undefined> {
    try {
      return await live.state();
    } catch (error) {
      if (!(error instanceof DivergenceError)) throw error;
      this.#options.tell({ type: "notice", message: unsoundWords(this.record(id).name, error) });
      return undefined;
    }
  }

  #summaryOf(record: StoredRun): RunSummary {
    return summaryOf(record, this.#options.status(record.id));
  }
}

/** A state that is not dropped takes some room, and is never taken for that before another growth. */
const ignored = () => undefined;

/** Of a run that had no room, until what had it in memory was gone; or that the browser has removed to make room. */
const nothingKept = () =>
  new UserError(
    "Nothing is kept of this run: the browser had no room for it. Delete it and others that you do not need, and start it anew.",
  );

/** How often a run had grown before its last growth. */
const beforeLast = ({ growths }: History) => growths.length - 1;

const isTraining = ({ kind }: RunStatus) => kind === "training" || kind === "starting";
const isElsewhere = ({ kind }: RunStatus) => kind === "elsewhere";
