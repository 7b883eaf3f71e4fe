/**
 * Resolves after a turn of the event loop: messages and timers that wait are handled first, which between promises alone
 * they never are.
 */
export function eventLoopTurn(): Promise<void> {
  return new Promise((resolve) => {
    if ("setImmediate" in globalThis) {
      setImmediate(resolve);
      return;
    }
    // Browsers make timers of 0 ms wait for 4.
    const { port1, port2 } = new MessageChannel();
    port1.addEventListener("message", () => {
      port1.close();
      resolve();
    });
    port1.start();
    port2.postMessage(undefined);
  });
}
