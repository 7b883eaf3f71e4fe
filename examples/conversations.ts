/**
 * Conversations that are made up: short questions that a small model can learn to answer, a JSON object a line.
 *
 *     npm run --silent example -- conversations 2000 > talks.jsonl
 */

import { Random } from "tokenformer";

const random = Random.from("conversations");
const pick = <Item>(items: readonly [Item, ...Item[]]): Item => items[random.integer(items.length)] ?? items[0];

/** A question and its answer, or a thing and what is said of it. */
type Exchange = readonly [first: string, second: string];

const names = ["Ahab", "Ishmael", "Queequeg", "Starbuck", "Stubb", "Flask", "Pip", "Elijah"] as const;
const numbers = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"] as const;
const colours: readonly [Exchange, ...Exchange[]] = [
  ["the sea", "blue"],
  ["the whale", "white"],
  ["the sun", "yellow"],
  ["the night", "black"],
  ["blood", "red"],
  ["grass", "green"],
];

const exchanges: readonly [() => Exchange, ...(() => Exchange)[]] = [
  () => {
    const [thing, colour] = pick(colours);
    return [`What colour is ${thing}?`, `It is ${colour}.`];
  },
  () => {
    const index = random.integer(numbers.length - 1);
    return [`What comes after ${numbers[index]}?`, `After ${numbers[index]} comes ${numbers[index + 1]}.`];
  },
  () => {
    const name = pick(names);
    return [`I am ${name}.`, `Good day, ${name}.`];
  },
  () =>
    pick<Exchange>([
      ["Who are you?", "I am a small model."],
      ["What do you know?", "Very little."],
      ["Where is the whale?", "In the deep sea."],
    ]),
];

const count = Number(process.argv[2] ?? 2000);
for (let talk = 0; talk < count; talk++) {
  const turns = Array.from({ length: 1 + random.integer(2) }, () => pick(exchanges)());
  const messages = turns.flatMap(([question, answer]) => [
    { role: "user", content: question },
    { role: "assistant", content: answer },
  ]);
  process.stdout.write(`${JSON.stringify({ messages })}\n`);
}
