/** A promise and how to settle it. */
export interface Settling<Result> {
  readonly promise: Promise<Result>;
  resolve(result: Result): void;
  reject(reason: unknown): void;
}

/**
 * A promise that is rejected with the signal's reason as soon as that is aborted. Once settled it listens no longer: a signal
 * may outlive it.
 * @param onAbort called then, and only then
 */
export function untilAborted<Result>(signal: AbortSignal, onAbort: () => void): Settling<Result> {
  let resolve: (result: Result) => void = () => undefined;
  let reject: (reason: unknown) => void = () => undefined;
  const promise = new Promise<Result>((...settle) => {
    [resolve, reject] = settle;
  });
  const abort = () => {
    reject(signal.reason);
    onAbort();
  };
  const forget = () => signal.removeEventListener("abort", abort);
  if (signal.aborted) reject(signal.reason);
  else signal.addEventListener("abort", abort, { once: true });
  return {
    promise,
    resolve: (result) => {
      forget();
      resolve(result);
    },
    reject: (reason) => {
      forget();
      reject(reason);
    },
  };
}
