/** A site of a model: a place that holds parameter tokens. */

/** Parameter tokens that share a norm. A place has one site, and another for each generation with a norm of its own. */
export interface Site {
  /** Path of the site, for example `blocks.0.attention.query`; its parameters are `<path>.keys` and `<path>.values`. */
  readonly path: string;
  /** Path of the first site at its place. */
  readonly place: string;
  /** The number of its generation: 0 for the first site at its place, from 1 for what was appended with a norm of its own. */
  readonly generation: number;
  /** The block it belongs to, from 0. */
  readonly layer: number;
  /** What growth plans call it and its likes in other blocks. */
  readonly kind: string;
  /** Number of parameter tokens. */
  readonly tokens: number;
  readonly tau: number;
}
