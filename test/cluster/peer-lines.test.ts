import { once } from "node:events";
import { type AddressInfo, createConnection, createServer } from "node:net";
import { expect, it } from "vitest";
import { LineReader } from "../../src/cluster/line-reader.ts";
import { readPeer } from "../../src/cluster/peer-lines.ts";

it("lines come out of pieces, whose unfinished rest is known", () => {
  const lines: string[] = [];
  const reader = new LineReader((line) => lines.push(line));
  const found = ["on", "e\ntwo\n", "", "\nthr", "ee", "\n", "ä"].map((piece) => {
    reader.read(Buffer.from(piece));
    return reader.unfinished;
  });
  expect(found).toEqual([2, 0, 0, 3, 5, 0, 1]);
  reader.end();
  expect(lines).toEqual(["one", "two", "", "three", "ä"]);
});

/** What is read of a peer that sends some pieces, each once the one before has been taken, until it is dropped. */
async function readOf(pieces: readonly string[], limits: Parameters<typeof readPeer>[2]): Promise<string[]> {
  const lines: string[] = [];
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    readPeer(socket, (line) => lines.push(line), limits);
  });
  await once(server.listen(0), "listening");
  const { port } = server.address() as AddressInfo;
  const peer = createConnection({ port });
  peer.on("error", () => undefined);
  const dropped = once(peer, "close");
  for (const piece of pieces) await new Promise((resolve) => peer.write(piece, resolve));
  peer.resume();
  await dropped;
  server.close();
  return lines;
}

it("a peer is dropped whose line does not end, or that says nothing", async () => {
  expect(await readOf(["hello\n", "a line", " that does", " not end"], { longest: 13 })).toEqual(["hello"]);
  expect(await readOf([], { greeting: 5 })).toEqual([]);
  expect(await readOf(["not a line"], { greeting: 5 })).toEqual([]);
});
