import { expect, it } from "vitest";
import { UserError } from "../src/errors.ts";

it("a message for people is one line, whatever of a file it quotes", () => {
  expect(new UserError("a\nb\r\n\u001b[31mc\0d").message).toBe("a b [31mc d");
  const cause = new Error("before");
  expect(new UserError("short", { cause })).toMatchObject({ name: "UserError", message: "short", cause });
  const { message } = new UserError(`x.json: "${"é".repeat(5000)}" is no number, expected one; correct the file`);
  expect(message.length).toBeLessThan(2000);
  expect(message).toMatch(/^x\.json: "é+ … é+" is no number, expected one; correct the file$/);
});
