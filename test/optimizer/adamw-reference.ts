/** AdamW in float64, written from the paper (arXiv 1711.05101, algorithm 2), row by row: what both forms are compared with. */

/** A parameter with its moments: rows of numbers. */
export interface ReferenceParameter {
  readonly p: number[][];
  readonly m: number[][];
  readonly v: number[][];
  /** Updates that each row has had. */
  readonly counts: number[];
  readonly decay: number;
  /** What the learning rate is multiplied by, but for the decay. */
  readonly rate: number;
}

export interface ReferenceOptions {
  readonly learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** As torch.nn.utils.clip_grad_norm_; 0: no limit. */
  readonly clip: number;
}

export function newParameter(p: number[][], decay: number, rate = 1): ReferenceParameter {
  const zeros = () => p.map((row) => row.map(() => 0));
  return { p, m: zeros(), v: zeros(), counts: p.map(() => 0), decay, rate };
}

/** One update in place. `frozen` tells which rows of which parameter stay as they are, and do not count in the norm. Returns the norm before clipping. */
export function referenceStep(
  parameters: readonly ReferenceParameter[],
  gradients: readonly (readonly number[][])[],
  options: ReferenceOptions,
  frozen: (parameter: number, row: number) => boolean = () => false,
): number {
  const learning = gradients.flatMap((rows, index) => rows.filter((_, row) => !frozen(index, row)));
  const norm = Math.hypot(...learning.flat());
  const scale = options.clip === 0 ? 1 : Math.min(1, options.clip / (norm + 1e-6));
  parameters.forEach((parameter, index) => {
    parameter.counts.forEach((count, row) => {
      if (frozen(index, row)) return;
      parameter.counts[row] = count + 1;
      const g = (gradients[index]?.[row] ?? []).map((x) => x * scale);
      updateRow(parameter, row, g, options);
    });
  });
  return norm;
}

function updateRow(
  { p, m, v, counts, decay, rate }: ReferenceParameter,
  row: number,
  g: number[],
  o: ReferenceOptions,
): void {
  const [pRow = [], mRow = [], vRow = [], t = 0] = [p[row], m[row], v[row], counts[row]];
  g.forEach((gradient, i) => {
    const decayed = (pRow[i] ?? Number.NaN) * (1 - o.learningRate * decay);
    const first = o.beta1 * (mRow[i] ?? Number.NaN) + (1 - o.beta1) * gradient;
    const second = o.beta2 * (vRow[i] ?? Number.NaN) + (1 - o.beta2) * gradient ** 2;
    const [firstHat, secondHat] = [first / (1 - o.beta1 ** t), second / (1 - o.beta2 ** t)];
    mRow[i] = first;
    vRow[i] = second;
    pRow[i] = decayed - (o.learningRate * rate * firstHat) / (Math.sqrt(secondHat) + o.epsilon);
  });
}
