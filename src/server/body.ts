/** The bodies of requests. */

import type { IncomingMessage } from "node:http";
import { ApiError, ClientGone } from "./api-error.ts";
import type { ServerContext } from "./service.ts";

/**
 * Reads a body of JSON, in one piece or in chunks.
 * @param limit bytes, at most
 * @throws ApiError for a body that is larger or not JSON, ClientGone if its client does not send it to its end
 */
export async function jsonBody({ env: { incoming } }: ServerContext, limit: number): Promise<unknown> {
  if (Number(incoming.headers["content-length"] ?? 0) > limit) throw tooLarge(limit);
  const bytes = await read(incoming, limit);
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw new ApiError(400, "the body is not JSON");
  }
}

async function read(incoming: IncomingMessage, limit: number): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  try {
    // The rest of what is too large is not read here, but the connection has an answer to come.
    for await (const piece of incoming.iterator({ destroyOnReturn: false })) {
      if (!(piece instanceof Uint8Array)) throw new Error("internal: a body comes in bytes");
      size += piece.length;
      if (size > limit) throw tooLarge(limit);
      pieces.push(piece);
    }
  } catch (error) {
    throw incoming.errored === null ? error : new ClientGone();
  }
  return Buffer.concat(pieces);
}

const tooLarge = (bytes: number) => new ApiError(413, `the body is larger than ${bytes} bytes`);
