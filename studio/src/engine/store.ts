/** What is kept in the browser: runs, each with its checkpoint, its history and its text. */

import { type DBSchema, type IDBPDatabase, openDB } from "idb";
import { messageOf, UserError } from "tokenformer/browser";
import type { LossPart, Pieces, RunSummary } from "./api.ts";
import type { History } from "./history.ts";
import type { NamedText } from "./pieces.ts";

/** The files of a checkpoint directory, by name. */
export type Files = ReadonlyMap<string, Uint8Array>;

/** What a list shows of a run, without opening it. */
export interface StoredRun {
  readonly id: string;
  readonly name: string;
  readonly architecture: RunSummary["architecture"];
  readonly besides?: string;
  readonly textName: string;
  /** The first words of the text. Runs that were made earlier have none. */
  readonly opening?: string;
  /** Default: characters. */
  readonly pieces?: Pieces;
  /** Default: completion. */
  readonly lossOn?: LossPart | undefined;
  readonly parameters: number;
  readonly vocabulary: number;
  readonly trainTokens: number;
  readonly validationTokens: number;
  readonly step: number;
  readonly validationLoss?: number;
  readonly changed: number;
  /** How often it was kept. Default: 0. */
  readonly revision?: number;
}

/** A state that a run can be opened from. */
export interface StoredState {
  readonly files: Files;
  readonly history: History;
}

interface Schema extends DBSchema {
  runs: { key: string; value: StoredRun };
  states: { key: string; value: StoredState };
  /** States before growths, by the run and how often it had grown by then. */
  undo: { key: [run: string, growths: number]; value: StoredState };
  texts: { key: string; value: NamedText };
}

const PARTS = ["runs", "states", "undo", "texts"] as const;

export class Store {
  readonly #database: IDBPDatabase<Schema>;

  private constructor(database: IDBPDatabase<Schema>) {
    this.#database = database;
  }

  static async open(): Promise<Store> {
    const database = await openDB<Schema>("tokenformer-studio", 1, {
      upgrade(opened) {
        for (const part of PARTS) opened.createObjectStore(part);
      },
    });
    // States by the run alone, of earlier builds: nothing goes back to them.
    await database.delete("undo", IDBKeyRange.upperBound([], true));
    return new Store(database);
  }

  close(): void {
    this.#database.close();
  }

  runs(): Promise<StoredRun[]> {
    return this.#database.getAll("runs");
  }

  run(id: string): Promise<StoredRun | undefined> {
    return this.#database.get("runs", id);
  }

  state(id: string): Promise<StoredState | undefined> {
    return this.#database.get("states", id);
  }

  /** The state that a run had when it had grown so often, just before it grew again. */
  undo(id: string, growths: number): Promise<StoredState | undefined> {
    return this.#database.get("undo", [id, growths]);
  }

  async hasUndo(id: string, growths: number): Promise<boolean> {
    return (await this.#database.count("undo", [id, growths])) > 0;
  }

  text(id: string): Promise<NamedText | undefined> {
    return this.#database.get("texts", id);
  }

  /**
   * Writes a run and, where they are given, its state and text: all of it or, where storage is full, nothing.
   * @returns the run with its next revision
   * @throws UserError where another tab has kept something else of it since
   */
  async save(
    run: StoredRun,
    { state, text }: { readonly state?: StoredState; readonly text?: NamedText } = {},
  ): Promise<StoredRun> {
    const transaction = this.#database.transaction(PARTS, "readwrite");
    const runs = transaction.objectStore("runs");
    const kept = await runs.get(run.id);
    const { revision = 0 } = run;
    if ((kept?.revision ?? 0) !== revision) throw overtaken(run.name, kept === undefined);
    const next = { ...run, revision: revision + 1 };
    const writes: Promise<unknown>[] = [runs.put(next, run.id)];
    if (state !== undefined) writes.push(transaction.objectStore("states").put(state, run.id));
    if (text !== undefined) writes.push(transaction.objectStore("texts").put(text, run.id));
    await Promise.all([...writes, transaction.done]);
    return next;
  }

  /** Keeps a state to go back to, beside those of earlier growths. */
  async keepUndo(id: string, state: StoredState): Promise<void> {
    await this.#database.put("undo", state, [id, state.history.growths.length]);
  }

  async dropUndo(id: string, growths: number): Promise<void> {
    await this.#database.delete("undo", [id, growths]);
  }

  /** Drops the states of earlier growths than the one that follows on so many. */
  async dropUndoBefore(id: string, growths: number): Promise<void> {
    await this.#database.delete("undo", IDBKeyRange.bound([id], [id, growths], false, true));
  }

  async remove(id: string): Promise<void> {
    const transaction = this.#database.transaction(PARTS, "readwrite");
    const undo = IDBKeyRange.bound([id], [id, Number.POSITIVE_INFINITY]);
    const deletions = PARTS.map((part) => transaction.objectStore(part).delete(part === "undo" ? undo : id));
    await Promise.all([...deletions, transaction.done]);
  }
}

function overtaken(name: string, deleted: boolean): UserError {
  return new UserError(
    `${name} was ${deleted ? "deleted" : "changed"} in another tab meanwhile, so what this tab has of it is not kept: download it if you need it, then reload the page.`,
  );
}

/** Why something could not be kept, as a sentence with what to do. */
export function storageFault(error: unknown): UserError {
  if (error instanceof UserError) return error;
  if (error instanceof DOMException && error.name === "QuotaExceededError") {
    return new UserError(
      "The browser's storage is full, so this run is kept only as long as the page is open: download it, or delete runs that you no longer need.",
    );
  }
  return new UserError(
    `The browser cannot store this run (${messageOf(error)}): download it to keep it, and check whether the page may store data.`,
  );
}
