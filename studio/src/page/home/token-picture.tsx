/** A picture of a layer to play with: each cell a parameter token, with its question and its answer; a click adds some. */

import { useSignal } from "@preact/signals";
import { TokenCaption } from "../parts/caption.tsx";

const ROWS = 9;
const OLD = 13;
const NEW = 7;
const MOST = 34;

/** What tokens of a small model may be about. */
const EXAMPLES = [
  ["after “q”", "“u” comes next"],
  ["after a full stop", "a capital letter"],
  ["inside a name", "more of that name"],
  ["after “th”", "“e”, most often"],
  ["a word has ended", "a space"],
  ["a quotation is open", "it will be closed"],
  ["after “the ”", "a thing, not a verb"],
] as const;

export function TokenPicture() {
  const added = useSignal(NEW);
  const pointed = useSignal<number | undefined>(undefined);
  const grow = () => {
    added.value = OLD + added.peek() >= MOST ? NEW : added.peek() + NEW;
  };
  return (
    <figure class="picture-frame">
      <button
        type="button"
        class="picture"
        aria-label="A layer of parameter tokens. Press to add some."
        onClick={grow}
        onPointerOver={({ target }) => {
          const cell = target instanceof HTMLElement ? target.dataset["cell"] : undefined;
          pointed.value = cell === undefined ? undefined : Number(cell);
        }}
        onPointerLeave={() => {
          pointed.value = undefined;
        }}
      >
        {Array.from({ length: ROWS }, (_, index) => (
          <span key={index} class="picture-row">
            {Array.from({ length: OLD + added.value }, (_, cell) => (
              <i
                key={cell}
                data-cell={index * MOST + cell}
                class={cell < OLD ? "old" : "new"}
                style={{
                  opacity: strength(index, cell),
                  animationDelay: `${((cell - OLD) % NEW) * 60 + index * 30}ms`,
                }}
              />
            ))}
          </span>
        ))}
      </button>
      <figcaption>
        <TokenCaption />
        <p class="note" aria-live="polite">
          {pointed.value === undefined ? "Point at one for an example; click to grow." : example(pointed.value)}
        </p>
      </figcaption>
    </figure>
  );
}

function example(cell: number): string {
  const [question, answer] = EXAMPLES[cell % EXAMPLES.length] ?? EXAMPLES[0];
  return `For example. Key: ${question}. Value: ${answer}.`;
}

/** How strongly a token is used: as uneven as in a model, and the same each time. */
function strength(index: number, cell: number): number {
  const wave = Math.sin(index * 12.9898 + cell * 78.233) * 43758.5453;
  return 0.25 + 0.75 * (wave - Math.floor(wave));
}
