/** Decoding with a key–value cache: several sequences at once, each in a slot of its own. */

import { eventLoopTurn } from "../event-loop.ts";
import { allOrNothing, freeAll, freeQuietly } from "../freeing.ts";
import { requireKnown } from "../inference/index.ts";
import { OneByOne } from "../one-by-one.ts";
import { required } from "../required.ts";
import type { PassResult } from "./cache-kernels.ts";
import type { CacheStore } from "./cache-store.ts";
import { CachedModel, type CachedModelOptions, type LoadedModel } from "./cached-model.ts";
import type { TokenScore } from "./scores.ts";
import {
  freeSlot,
  requirePrompt,
  requireRoom,
  type Sequences,
  type Started,
  type StartOptions,
  sequenceAt,
} from "./sequences.ts";

export interface DecoderOptions extends CachedModelOptions {
  /** The longest sequence, in tokens: the model's context. */
  readonly context: number;
  /** Sequences at once, at most. Default 1. */
  readonly slots?: number;
}

/** A sequence under way; without a lane, its prompt is. */
interface Sequence {
  lane: number | undefined;
  length: number;
  readonly gates: readonly number[];
}

/** A prompt that waits to be read, and whom to tell. */
interface WaitingPrompt {
  readonly sequence: Sequence;
  readonly tokens: Int32Array;
  /** How many alternatives to score its tokens with. `undefined`: no scores. */
  readonly top: number | undefined;
  readonly signal: AbortSignal | undefined;
  readonly resolve: (read: Read) => void;
  readonly reject: (error: unknown) => void;
}

/** What a prompt gives: the logits of what follows it, and the scores of its tokens. */
type Read = Omit<Started, "slot">;

/** Tokens to append, and whom to tell. */
interface WaitingStep {
  readonly tokens: ReadonlyMap<number, number>;
  readonly resolve: (logits: Map<number, Float32Array>) => void;
  readonly reject: (error: unknown) => void;
}

/** Tokens of a prompt that go through the model at once: enough for full speed, and the scores between them stay small. */
const PIECE = 256;

/** Prompts are read together where this share of a pass at least are their tokens: the rest makes them as long as the longest. */
const FILLED = 3 / 4;

/**
 * Sequences of one model, with a key–value cache: a prompt goes through the model once, in pieces, and each further token
 * alone, for all slots together. Slots may differ in length. Calls may overlap: steps that
 * wait are made in one pass, short prompts that wait are read in one, and between such passes and the pieces of a long prompt steps get their turn. Attention between tokens must be `causalAttention`: a model whose
 * attention is its own needs `windowed`.
 *
 * A sequence holds up to `context` tokens; `length(slot)` tells how many it has. What to do when it is full is the caller's
 * choice: to stop, or to start anew from its last tokens.
 */
export class Decoder implements Sequences {
  readonly context: number;
  /** Sequences at once, at most. */
  readonly slots: number;
  readonly #model: CachedModel;
  readonly #sequences = new Map<number, Sequence>();
  /** The cache of the long prompt under way; with one slot the same as that of the sequences. */
  readonly #prompt: CacheStore;
  #store: CacheStore;
  /** Tokens that wait for a pass. */
  #waiting: WaitingStep[] = [];
  #prompts: WaitingPrompt[] = [];
  readonly #turns = new OneByOne();
  readonly #promptTurns = new OneByOne();
  /** Resolves when all is freed; `undefined` until `release`. */
  #released: Promise<void> | undefined;

  private constructor(model: CachedModel, store: CacheStore, prompt: CacheStore, context: number, slots: number) {
    this.#model = model;
    this.#store = store;
    this.#prompt = prompt;
    this.context = context;
    this.slots = slots;
  }

  /**
   * Compiles the model's program. With `freeze` false it is for as long as the model is: a run that grows in more than numbers of
   * tokens closes its own, see `run.trainer`, and needs another decoder.
   * @throws UserError if the device cannot quantise
   */
  static async open(loaded: LoadedModel, { context, slots = 1, ...options }: DecoderOptions): Promise<Decoder> {
    return allOrNothing(async (onFailure) => {
      const model = await CachedModel.compile(loaded, options);
      onFailure(() => model.release());
      const store = await model.store(context, 1);
      onFailure(() => store.dispose());
      const prompt = slots === 1 ? store : await model.store(context, 1);
      return new Decoder(model, store, prompt, context, slots);
    });
  }

  /** V, the number of logits: that of the tokenizer, or more where the model is padded. */
  get vocabulary(): number {
    return this.#model.vocabulary;
  }

  /** Whether the program has a copy of the weights, so that the tensors it was made of may be disposed of. */
  get holdsWeights(): boolean {
    return this.#model.holdsWeights;
  }

  /** Half of the context: a full sequence goes on from these, and need not be read again for as many tokens. */
  get kept(): number {
    return Math.ceil(this.context / 2);
  }

  /** How many slots are free. */
  get available(): number {
    return this.slots - this.#sequences.size;
  }

  /** The tokens of a slot's sequence, prompt included. Throws an Error for a slot that is free. */
  length(slot: number): number {
    return sequenceAt(this.#sequences, slot).length;
  }

  /**
   * Begins a sequence in a free slot.
   * @throws UserError if there are no ids, more than `context`, an id out of the vocabulary, or no slot is free; Error after `release`
   */
  async start(ids: ArrayLike<number>, { scores, gates, signal }: StartOptions = {}): Promise<Started> {
    this.#requireOpen();
    const tokens = Int32Array.from(ids);
    requirePrompt(tokens.length, this.context);
    requireKnown(tokens, this.vocabulary);
    const { slot, sequence } = this.#reserve(gates);
    try {
      const reading = new Promise<Read>((resolve, reject) => {
        this.#prompts.push({ sequence, tokens, top: scores, signal, resolve, reject });
      });
      void this.#promptTurns.do(() => this.#readWaiting());
      return { slot, ...(await reading) };
    } catch (error) {
      if (this.#sequences.get(slot) === sequence) this.free(slot);
      throw error;
    }
  }

  /**
   * Appends a token to each of some sequences and gives the logits [V] of what follows. Slots that are not named stay as
   * they are.
   * @throws UserError if a sequence is full or a token is not in the vocabulary; Error for a slot that is free, and after
   * `release`
   */
  async step(tokens: ReadonlyMap<number, number>): Promise<Map<number, Float32Array>> {
    this.#requireOpen();
    requireKnown(Int32Array.from(tokens.values()), this.vocabulary);
    const stepped = new Promise<Map<number, Float32Array>>((resolve, reject) => {
      this.#waiting.push({ tokens, resolve, reject });
    });
    void this.#turns.do(() => this.#appendWaiting());
    return stepped;
  }

  /** Ends a sequence: its slot can be used again at once. */
  free(slot: number): void {
    this.#sequences.delete(slot);
  }

  /** Frees the program and the cache, once what is under way has ended. The device stays open. */
  release(): Promise<void> {
    this.#released ??= this.#free();
    return this.#released;
  }

  async #free(): Promise<void> {
    await this.#promptTurns.do(async () => {});
    await this.#turns.do(() =>
      freeAll(
        () => this.#model.release(),
        () => this.#store.dispose(),
        () => this.#prompt !== this.#store && this.#prompt.dispose(),
      ),
    );
  }

  /** Reads the first of the prompts that wait, with others as far as one pass has room. */
  async #readWaiting(): Promise<void> {
    const prompts = this.#takePrompts();
    const [first] = prompts;
    if (first === undefined) return; // it was read with others
    const short = first.top === undefined && first.tokens.length <= PIECE;
    try {
      await (short ? this.#turns.do(() => this.#readTogether(prompts)) : this.#readLong(first));
    } catch (error) {
      for (const { reject } of prompts) reject(error);
    }
  }

  /** Takes the first prompt that waits, and those that can be read with it. */
  #takePrompts(): WaitingPrompt[] {
    const taken: WaitingPrompt[] = [];
    const later: WaitingPrompt[] = [];
    let [longest, sum] = [0, 0];
    for (const prompt of this.#prompts) {
      const { length } = prompt.tokens;
      const rows = (taken.length + 1) * Math.max(longest, length);
      const short = prompt.top === undefined && taken.every(({ top }) => top === undefined);
      if (taken.length > 0 && !(short && rows <= PIECE && sum + length >= FILLED * rows)) later.push(prompt);
      else {
        taken.push(prompt);
        [longest, sum] = [Math.max(longest, length), sum + length];
      }
    }
    this.#prompts = later;
    return taken;
  }

  /** Reads prompts of one piece, straight into the cache of the sequences. */
  async #readTogether(waiting: readonly WaitingPrompt[]): Promise<void> {
    await this.#makeRoom(waiting.length);
    const prompts = waiting.filter((prompt) => this.#isWanted(prompt));
    if (prompts.length === 0) return;
    for (const { sequence } of prompts) this.#takeLane(sequence);
    const { logits } = await this.#piece(prompts, this.#store);
    for (const [place, { sequence, tokens, resolve }] of prompts.entries()) {
      sequence.length = tokens.length;
      resolve({ logits: this.#row(logits, place), scores: [] });
    }
  }

  /** Reads a prompt piece by piece. */
  async #readLong(prompt: WaitingPrompt): Promise<void> {
    const { sequence, tokens, signal, resolve } = prompt;
    const scores: TokenScore[] = [];
    for (let start = 0; start < tokens.length; start += PIECE) {
      signal?.throwIfAborted();
      const last = start + PIECE >= tokens.length;
      const result = await this.#turns.do(async () => {
        if (start === 0) await this.#prompt.empty();
        const result = await this.#piece([prompt], this.#prompt, start);
        if (last) await this.#settle(sequence, tokens.length);
        return result;
      });
      for (const score of result.scores) scores.push(score);
      if (last) resolve({ logits: result.logits, scores });
    }
  }

  /** A pass of a piece of prompts from a token on, as long as the longest of them. One that has no lane yet is alone in its cache. */
  #piece(prompts: readonly WaitingPrompt[], store: CacheStore, start = 0): Promise<PassResult> {
    const pieces = prompts.map(({ tokens }) => tokens.subarray(start, start + PIECE));
    const time = Math.max(...pieces.map(({ length }) => length));
    const tokens = new Int32Array(pieces.length * time);
    for (const [place, piece] of pieces.entries()) tokens.set(piece, place * time);
    const [{ top, tokens: all } = {}] = prompts;
    const followers = all?.subarray(start + 1, start + 1 + time);
    return this.#model.pass({
      store,
      tokens,
      lengths: new Int32Array(pieces.length).fill(start),
      wanted:
        top === undefined
          ? Int32Array.from(pieces, ({ length }, place) => place * time + length - 1)
          : tokens.map((_, index) => index),
      targets: prompts.map(({ sequence }, from) => ({
        from,
        lane: sequence.lane ?? 0,
        position: start,
        count: pieces[from]?.length ?? 0,
      })),
      open: prompts.map(({ sequence }) => sequence.gates),
      score: top === undefined ? undefined : { tokens: [...(followers ?? [])], top },
    });
  }

  /** Gives a sequence whose long prompt was read a lane. */
  async #settle(sequence: Sequence, length: number): Promise<void> {
    if (this.#prompt === this.#store) sequence.lane = 0;
    else {
      await this.#makeRoom(1);
      if (!this.#isOpen(sequence)) return;
      await this.#store.copy(this.#prompt, [{ from: 0, to: this.#takeLane(sequence), length }]);
    }
    sequence.length = length;
  }

  /** Whether a prompt is still to be read: nobody gave it up, and nobody freed its slot. Who waits is told. */
  #isWanted({ sequence, signal, reject }: WaitingPrompt): boolean {
    if (signal?.aborted === true) reject(signal.reason);
    else if (this.#isOpen(sequence)) return true;
    else reject(new Error("the slot was freed before its prompt was read"));
    return false;
  }

  /** Whether the slot of a sequence has not been freed meanwhile. */
  #isOpen(sequence: Sequence): boolean {
    return [...this.#sequences.values()].includes(sequence);
  }

  /** The lanes that sequences have. */
  get #lanes(): Set<number> {
    return new Set([...this.#sequences.values()].flatMap(({ lane }) => (lane === undefined ? [] : [lane])));
  }

  /** Makes the cache one with lanes for so many further sequences. */
  async #makeRoom(sequences: number): Promise<void> {
    const count = this.#lanes.size + sequences;
    if (count === sequences) await this.#store.empty();
    if (count > this.#store.lanes || 4 * count <= this.#store.lanes) {
      await this.#resize(Math.min(this.slots, 2 ** Math.ceil(Math.log2(count))));
    }
  }

  /** Gives a sequence the first lane that none has. */
  #takeLane(sequence: Sequence): number {
    const taken = this.#lanes;
    let lane = 0;
    while (taken.has(lane)) lane++;
    sequence.lane = lane;
    return lane;
  }

  /** Moves the sequences to a cache with another number of lanes. */
  async #resize(lanes: number): Promise<void> {
    const old = this.#store;
    const store = await this.#model.store(this.context, lanes);
    const settled = [...this.#sequences.values()].flatMap((sequence) =>
      sequence.lane === undefined ? [] : [{ sequence, from: sequence.lane }],
    );
    const moves = settled.map(({ sequence, from }, to) => ({ from, to, length: sequence.length }));
    try {
      await store.copy(old, moves);
    } catch (error) {
      await freeQuietly(() => store.dispose());
      throw error;
    }
    for (const [lane, { sequence }] of settled.entries()) sequence.lane = lane;
    this.#store = store;
    await freeQuietly(() => old.dispose());
  }

  /** One pass for the steps that wait. */
  async #appendWaiting(): Promise<void> {
    // What was just told its logits can ask for the next step first.
    if (this.#sequences.size > 1) await eventLoopTurn();
    const taken = new Map<number, number>();
    const steps: WaitingStep[] = [];
    const later: WaitingStep[] = [];
    for (const step of this.#waiting) {
      const slots = [...step.tokens.keys()];
      try {
        if (slots.some((slot) => taken.has(slot))) later.push(step);
        else {
          for (const slot of slots) this.#ready(slot);
          for (const [slot, token] of step.tokens) taken.set(slot, token);
          steps.push(step);
        }
      } catch (error) {
        step.reject(error);
      }
    }
    this.#waiting = later;
    try {
      const logits = await this.#append(taken);
      for (const { tokens, resolve } of steps)
        resolve(new Map([...tokens.keys()].map((slot) => [slot, required(logits, slot)])));
    } catch (error) {
      for (const { reject } of steps) reject(error);
    }
  }

  async #append(tokens: ReadonlyMap<number, number>): Promise<Map<number, Float32Array>> {
    const entries = [...tokens].map(([slot, token]) => ({ slot, token, ...this.#ready(slot) }));
    if (entries.length === 0) return new Map();
    const { lanes } = this.#store;
    const [given, lengths] = [new Int32Array(lanes), new Int32Array(lanes)];
    const open = Array.from({ length: lanes }, (): readonly number[] => []);
    for (const { lane, length, token, sequence } of entries) {
      given[lane] = token;
      lengths[lane] = length;
      open[lane] = sequence.gates;
    }
    const { logits } = await this.#model.pass({
      store: this.#store,
      tokens: given,
      lengths,
      wanted: Int32Array.from(entries, ({ lane }) => lane),
      targets: entries.map(({ lane, length }) => ({ from: lane, lane, position: length, count: 1 })),
      open,
    });
    for (const { sequence } of entries) sequence.length++;
    return new Map(entries.map(({ slot }, place) => [slot, this.#row(logits, place)] as const));
  }

  #row(logits: Float32Array, place: number): Float32Array {
    return logits.subarray(place * this.vocabulary, (place + 1) * this.vocabulary);
  }

  #requireOpen(): void {
    if (this.#released !== undefined) throw new Error("the decoder was released; open another one");
  }

  /** A sequence that can take a token. */
  #ready(slot: number) {
    const sequence = sequenceAt(this.#sequences, slot);
    const { lane, length } = sequence;
    if (lane === undefined) throw new Error(`slot ${slot}: its prompt is being read`);
    requireRoom(length, this.context);
    return { sequence, lane, length };
  }

  #reserve(gates: readonly number[] = []) {
    const slot = freeSlot(this.#sequences, this.slots);
    const sequence: Sequence = { lane: undefined, length: 0, gates };
    this.#sequences.set(slot, sequence);
    return { slot, sequence };
  }
}
