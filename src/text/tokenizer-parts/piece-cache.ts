import { IdList } from "./id-list.ts";

/** Pieces longer than this, in UTF-16 units, hardly ever come again. */
const LONGEST = 64;

/** How many pieces are kept, some 10 MB; then the cache begins anew. */
const MOST = 2 ** 16;

/** Remembers the ids of pieces, most of which are words that come again and again. */
export class PieceCache {
  readonly #known = new Map<string, Uint32Array>();

  /** Adds the ids of a piece, which `encode` finds where they are not known. */
  append(piece: string, to: IdList, encode: (piece: string, to: IdList) => void): void {
    if (piece.length > LONGEST) {
      encode(piece, to);
      return;
    }
    let ids = this.#known.get(piece);
    if (ids === undefined) {
      const found = new IdList();
      encode(piece, found);
      ids = found.toArray();
      if (this.#known.size >= MOST) this.#known.clear();
      this.#known.set(piece, ids);
    }
    to.append(ids);
  }
}
