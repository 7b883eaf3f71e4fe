import { expect, it } from "vitest";
import { inProcessCommunicators } from "../../src/cluster/index.ts";
import { SEEN, WatchedCommunicator } from "../../src/cluster/watched-communicator.ts";

it("an operation that fails has ended, as one that succeeds: its rank waits for nobody any more", async () => {
  const [own, other] = inProcessCommunicators(2);
  if (own === undefined || other === undefined) throw new Error("internal: two ranks");
  const seen = new Int32Array(new SharedArrayBuffer(Object.keys(SEEN).length * Int32Array.BYTES_PER_ELEMENT));
  const watched = new WatchedCommunicator(own, seen);
  await Promise.all([watched.barrier(), other.barrier()]);
  const failing = watched.allReduce(new Float32Array(2));
  expect([seen[SEEN.begun], seen[SEEN.ended]]).toEqual([2, 1]);
  await other.close();
  await expect(failing).rejects.toThrow("rank 1 has left");
  expect([seen[SEEN.begun], seen[SEEN.ended]]).toEqual([2, 2]);
});
