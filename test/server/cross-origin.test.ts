/** Pages of browsers, at home and elsewhere. */

import { afterAll, describe, expect, it } from "vitest";
import { isOrigin } from "../../src/server/index.ts";
import { stubServer } from "../support/server.ts";

const running: Awaited<ReturnType<typeof stubServer>>[] = [];
afterAll(async () => {
  for (const { server } of running) await server.drain(1);
});

async function serverFor(origins?: readonly string[]): Promise<string> {
  const stub = await stubServer(async () => {}, { apiKey: "k", ...(origins !== undefined && { origins }) });
  running.push(stub);
  return stub.url;
}

const preflight = (url: string, origin: string) =>
  fetch(`${url}/v1/chat/completions`, {
    method: "OPTIONS",
    headers: {
      origin,
      "access-control-request-method": "POST",
      "access-control-request-headers": "authorization,content-type",
    },
  });

const allowed = ({ headers }: Response) => headers.get("access-control-allow-origin");

describe("a page", () => {
  it.each(["http://localhost:5173", "https://127.0.0.1", "http://[::1]:80"])(
    "of this computer, %s, is told before it asks that it may, without a key",
    async (origin) => {
      const response = await preflight(await serverFor(), origin);
      expect([response.status, allowed(response)]).toEqual([204, origin]);
      expect(response.headers.get("access-control-allow-headers")).toBe("authorization,content-type");
      expect(response.headers.get("access-control-allow-methods")).toBe("GET,HEAD,POST");
      expect(response.headers.get("vary")).toMatch(/Origin/);
    },
  );

  it.each([
    ["https://example.org", "https://example.org"],
    ["http://localhost.example.org", "http://localhost.example.org"],
    ["null", '"*"'],
  ])("of %s may not, also without asking before", async (origin, mend) => {
    const stub = await stubServer(async () => {});
    running.push(stub);
    // What a form can send, for which a browser asks nothing before.
    const headers = { origin, "content-type": "text/plain" };
    const posted = await fetch(`${stub.url}/v1/completions`, { method: "POST", body: '{"prompt": "a"}', headers });
    for (const response of [
      await preflight(stub.url, origin),
      await fetch(`${stub.url}/health`, { headers: { origin } }),
      posted,
    ]) {
      expect([response.status, allowed(response)]).toEqual([403, null]);
      const message = `${origin}: pages from there may not use this server; --cors ${mend} allows it`;
      expect(await response.json()).toMatchObject({ error: { message } });
    }
    expect(stub.server.scheduler.active).toBe(0);
  });

  it("may that comes from the address that it asks, whatever is allowed", async () => {
    const url = await serverFor([]);
    for (const [origin, status] of [
      [url, 200],
      [url.replace(/\d$/, ""), 403],
    ] as const) {
      expect((await fetch(`${url}/health`, { headers: { origin } })).status).toBe(status);
    }
  });

  it("may where its origin is named, and any where all are", async () => {
    const origin = "https://example.org";
    const named = await serverFor([origin]);
    expect(allowed(await preflight(named, origin))).toBe(origin);
    expect(allowed(await preflight(named, "http://localhost:5173"))).toBe(null);
    expect(allowed(await preflight(await serverFor(["*"]), origin))).toBe(origin);
    expect(allowed(await preflight(await serverFor([]), "http://localhost"))).toBe(null);
  });

  it("reads what went wrong, too", async () => {
    const origin = "http://localhost:1";
    const refused = await fetch(`${await serverFor()}/v1/models`, { headers: { origin } });
    expect([refused.status, allowed(refused)]).toEqual([401, origin]);
    const stub = running.at(-1);
    const wrong = await fetch(`${stub?.url}/v1/chat/completions`, {
      method: "POST",
      body: "{",
      headers: { origin, authorization: "Bearer k" },
    });
    expect([wrong.status, allowed(wrong)]).toEqual([400, origin]);
  });
});

it("an origin has neither a path nor a name alone", () => {
  expect(["*", "loopback", "http://a", "https://a.b:8000"].filter((text) => !isOrigin(text))).toEqual([]);
  expect(["", "a.b", "http://a/", "http://a/b", "none"].filter(isOrigin)).toEqual([]);
});
