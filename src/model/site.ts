/** A site of a model: a place that holds parameter tokens. */

export interface Site {
  /** Path of the site, for example `blocks.0.attention.query`; its parameters are `<path>.keys` and `<path>.values`. */
  readonly path: string;
  /** The block it belongs to, from 0. */
  readonly layer: number;
  /** What growth plans call it and its likes in other blocks. */
  readonly kind: string;
  /** Number of parameter tokens. */
  readonly tokens: number;
  readonly tau: number;
}
