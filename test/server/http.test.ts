/** Requests that clients of other kinds send, and connections that are silent. */

import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { connect } from "node:net";
import { setTimeout } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { metricsOf, stubServer } from "../support/server.ts";

type Stub = Awaited<ReturnType<typeof stubServer>>;

let stub: Stub | undefined;
beforeAll(async () => {
  stub = await stubServer(() => setTimeout(1));
});
afterAll(async () => stub?.server.drain(5));

function started(): Stub {
  if (stub === undefined) throw new Error("the server is started before the first test");
  return stub;
}

interface Sent {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent one after the other, without an announced length. */
  readonly pieces?: readonly (string | Buffer)[];
}

/** Sends a request as it is: `fetch` would set headers of its own. */
async function send({ method, path, headers = {}, pieces = [] }: Sent) {
  const asked = request({ port: started().server.port, host: "127.0.0.1", method, path, headers });
  const [response] = await new Promise<IncomingMessage[]>((resolve, reject) => {
    asked.on("response", (answer) => resolve([answer]));
    asked.on("error", reject);
    void (async () => {
      for (const piece of pieces) {
        asked.write(piece);
        await setTimeout(1);
      }
      asked.end();
    })();
  });
  let body = "";
  for await (const piece of response ?? []) body += String(piece);
  return { status: response?.statusCode, headers: response?.headers, body };
}

const routes = {
  "/health": "GET, HEAD",
  "/metrics": "GET, HEAD",
  "/v1/models": "GET, HEAD",
  "/v1/models/stub": "GET, HEAD",
  "/tokenizer_info": "GET, HEAD",
  "/v1/completions": "POST",
  "/v1/chat/completions": "POST",
  "/tokenize": "POST",
  "/detokenize": "POST",
};

describe("a method", () => {
  const methods = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"];

  it.each(Object.entries(routes))(
    "that %s has is answered, and any other is refused with its %s",
    async (path, allow) => {
      for (const method of methods) {
        const chunked = { "transfer-encoding": "chunked" };
        const sent: Sent[] = [
          { method, path },
          { method, path, headers: chunked, pieces: ["{}"] },
        ];
        for (const one of method === "TRACE" ? sent.slice(0, 1) : sent) {
          const { status, headers, body } = await send(one);
          if (allow.split(", ").includes(method)) {
            expect([200, 400], `${method} ${path}`).toContain(status);
            continue;
          }
          expect({ status, allow: headers?.["allow"] }, `${method} ${path}`).toEqual({ status: 405, allow });
          if (method !== "HEAD") expect(body).toContain(`{"error":{"message":"${method}: expected ${allow}"`);
        }
      }
      expect(started().notes).toEqual([]);
    },
  );

  it("of a route that is not there is of no matter", async () => {
    for (const method of methods) {
      expect(await send({ method, path: "/v1/nothing" }), method).toMatchObject({ status: 404 });
    }
    expect(started().notes).toEqual([]);
  });
});

describe("a body", () => {
  const completion = { method: "POST", path: "/v1/completions" };
  const written = { status: 200, body: expect.stringContaining('"completion_tokens":3') };

  it("may come in chunks, and be divided within a character", async () => {
    const bytes = Buffer.from(JSON.stringify({ prompt: "ab🙂", max_tokens: 3, echo: true }));
    const smile = bytes.indexOf("🙂");
    const pieces = [bytes.subarray(0, 5), bytes.subarray(5, smile + 2), bytes.subarray(smile + 2)];
    expect(await send({ ...completion, pieces })).toMatchObject(written);
    expect((await send({ ...completion, pieces })).body).toContain('"text":"ab🙂');
  });

  it("may come as a stream of fetch", async () => {
    const body = new Blob([JSON.stringify({ prompt: "a", max_tokens: 3 })]).stream();
    const init: RequestInit & { duplex: "half" } = { method: "POST", body, duplex: "half" };
    const response = await fetch(`${started().url}/v1/completions`, init);
    expect(await response.json()).toMatchObject({ usage: { completion_tokens: 3 } });
  });

  it("is missed where there is none, or it is no UTF-8", async () => {
    const bodies = [[], [""], [Buffer.from([0x22, 0xff, 0x22])]];
    for (const path of ["/v1/completions", "/v1/chat/completions", "/tokenize", "/detokenize"]) {
      for (const pieces of bodies) {
        const { status, body } = await send({ method: "POST", path, pieces });
        expect([status, JSON.parse(body)]).toMatchObject([400, { error: { message: "the body is not JSON" } }]);
      }
    }
    expect(started().notes).toEqual([]);
  });

  it("that its client leaves in the midst is nobody's fault", async () => {
    const { server, notes } = started();
    for (const head of ["Content-Length: 100", "Transfer-Encoding: chunked"]) {
      const socket = connect(server.port, "127.0.0.1");
      await once(socket, "connect");
      socket.write(`POST /v1/completions HTTP/1.1\r\nHost: localhost\r\n${head}\r\n\r\n5\r\n{"pro`);
      await setTimeout(20);
      socket.destroy();
    }
    await setTimeout(20);
    expect((await send({ ...completion, pieces: ['{"prompt": "a", "max_tokens": 3}'] })).status).toBe(200);
    expect(notes).toEqual([]);
  });
});

describe("a host", () => {
  it.each(["127.0.0.1", "localhost:80", "[::1]:4747", "127.9.9.9"])(
    "of this computer, %s, is answered",
    async (host) => {
      for (const path of ["/health", "/v1/models"]) {
        expect(await send({ method: "GET", path, headers: { host } })).toMatchObject({ status: 200 });
      }
    },
  );

  it.each(["evil.example", "127.0.0.1.evil.example:80", "10.0.0.1"])(
    "elsewhere, %s, whose name leads here, is refused",
    async (host) => {
      for (const [method, path] of [
        ["GET", "/health"],
        ["GET", "/v1/models"],
        ["POST", "/v1/completions"],
        ["GET", "/none"],
      ] as const) {
        const { status, body } = await send({ method, path, headers: { host } });
        expect(status).toBe(403);
        expect(body).toContain("this server is only for the computer it runs on; --host lets others in");
      }
    },
  );

  it("of any name is answered where others are let in", async () => {
    const open = await stubServer(() => setTimeout(1), { host: "0.0.0.0" });
    const asked = request({
      port: open.server.port,
      host: "127.0.0.1",
      path: "/health",
      headers: { host: "a.example" },
    });
    asked.end();
    const [response] = (await once(asked, "response")) as [IncomingMessage];
    expect(response.resume().statusCode).toBe(200);
    await open.server.drain(1);
  });
});

describe("a connection that is silent", () => {
  it("stays while an answer is made, whole or streamed, also while it waits for a slot", async () => {
    let release = (): void => undefined;
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const open = await stubServer(() => released, { idleSeconds: 0.3 });
    const asked = [0, 1, 2, 3].map((n) => open.ask({ max_tokens: 3, stream: n % 2 === 0 }));
    await setTimeout(700);
    release();
    for (const answer of asked) expect(await (await answer).text()).toMatch(/"finish_reason":"length"/);
    expect(open.notes).toEqual([]);
    await open.server.drain(1);
  });

  it("is closed where its client takes nothing of its answer, which is counted as one who left", async () => {
    // What the client's computer does not take in must be more than the systems hold between them.
    const name = "m".repeat(40_000);
    const open = await stubServer(async () => undefined, { idleSeconds: 0.3, name });
    const body = JSON.stringify({ prompt: "a", max_tokens: 900, stream: true });
    const socket = connect({ port: open.server.port, host: "127.0.0.1" }).pause();
    socket.write(`POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    const left = /^tokenformer_requests_total\{route="\/v1\/completions",status="499"\} 1$/m;
    await expect.poll(() => metricsOf(open.url)).toMatch(left);
    expect(await metricsOf(open.url)).toMatch(/^tokenformer_clients_gone_total 1$/m);
    socket.destroy();
    await open.server.drain(1);
  });

  it("is closed where nothing is asked", async () => {
    const open = await stubServer(async () => undefined, { idleSeconds: 0.3 });
    const socket = connect({ port: open.server.port, host: "127.0.0.1" }).resume();
    await once(socket, "close");
    await open.server.drain(1);
  });
});
