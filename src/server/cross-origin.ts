/** Which pages of browsers may use the server. */

import type { MiddlewareHandler } from "hono";
import { cors } from "hono/cors";
import { isLoopback } from "../http/index.ts";
import { ApiError } from "./api-error.ts";
import type { ServerTypes } from "./service.ts";

/** Pages of this computer, whatever their port: those that nobody else can serve. */
export const LOOPBACK_ORIGINS = "loopback";

/** Seconds for which a browser need not ask again. */
const REMEMBERED = 600;

/**
 * Refuses requests of pages of other origins, since a browser would keep the answer alone from these, and tells browsers that pages of
 * some may read it. What they ask before a request is answered at once, without a key, as they send none with it.
 * @param origins such as `https://example.org`; `loopback`: pages of this computer; `*`: any
 */
export function crossOrigin(origins: readonly string[]): MiddlewareHandler<ServerTypes> {
  const allows = (origin: string) =>
    origins.includes("*") || origins.includes(origin) || (origins.includes(LOOPBACK_ORIGINS) && isOfLoopback(origin));
  const answer = cors({
    origin: (origin) => (allows(origin) ? origin : null),
    allowMethods: ["GET", "HEAD", "POST"],
    exposeHeaders: ["Retry-After", "WWW-Authenticate"],
    maxAge: REMEMBERED,
  });
  return (context, next) => {
    const origin = context.req.header("origin");
    if (origin !== undefined && !allows(origin) && !isOfHost(origin, context.req.header("host"))) {
      throw new ApiError(
        403,
        `${origin}: pages from there may not use this server; --cors ${isOrigin(origin) ? origin : '"*"'} allows it`,
      );
    }
    const asksBefore = context.req.header("access-control-request-method") !== undefined;
    return context.req.method === "OPTIONS" && !asksBefore ? next() : answer(context, next);
  };
}

/** Whether a page comes from the address that it asks, as behind a proxy that has both. */
function isOfHost(origin: string, host: string | undefined): boolean {
  return URL.canParse(origin) && new URL(origin).host === host;
}

function isOfLoopback(origin: string): boolean {
  return URL.canParse(origin) && isLoopback(new URL(origin).hostname.replace(/^\[|\]$/g, ""));
}

/** Whether a text can be one of the `origins` of `crossOrigin`. */
export function isOrigin(text: string): boolean {
  return text === "*" || text === LOOPBACK_ORIGINS || (URL.canParse(text) && new URL(text).origin === text);
}
