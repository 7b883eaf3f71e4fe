/** What a trainer is made with. */

import type { Communicator } from "../cluster/portable.ts";
import type { BatchForm } from "../inference/index.ts";
import type { AdamWOptions, LocalUpdates, Travel } from "../optimizer/index.ts";
import type { Precision } from "../tensor/index.ts";

export interface TrainerOptions extends AdamWOptions, Travel {
  /** Values that the model is given at each run, such as each site's τ. Default: none. */
  readonly given?: ReadonlyMap<string, number>;
  /** Among how many devices the sequences of a batch are divided; `replicasFor` says what is best. Default 1. */
  readonly replicas?: number;
  /** Of which form batches are. Default: every target counts, and tokens attend to all before them. */
  readonly form?: BatchForm | undefined;
  /** The tokens of each sequence, if it is always the same: on the cpu, long attention takes less time then. Default: any number. */
  readonly time?: number;
  /**
   * The precision of matrix products; float16 is for one replica. On the cpu they stay in float32, see `requireHalfProducts` for
   * others. Default: float32.
   */
  readonly precision?: Precision;
  /** The ranks among which each batch and the optimiser's state are divided. Default: this one is alone. */
  readonly communicator?: Communicator | undefined;
  /** Which parameters learn; the others have no gradients and no moments. Only without ranks. Default: all. */
  readonly learns?: ((parameter: string) => boolean) | undefined;
  /** Has the ranks make updates by themselves, each from its own passes, and exchange them now and then. Default: they make each together. */
  readonly local?: LocalUpdates | undefined;
}
