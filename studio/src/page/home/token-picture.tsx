/** A picture of growth: rows of parameter tokens, to which new ones were added. Only ornament. */

const ROWS = 9;
const OLD = 13;
const NEW = 7;

const row = (index: number) => Array.from({ length: OLD + NEW }, (_, cell) => ({ index, cell }));

export function TokenPicture() {
  return (
    <div class="picture" aria-hidden="true">
      {Array.from({ length: ROWS }, (_, index) => (
        <div key={index}>
          {row(index).map(({ cell }) => (
            <i
              key={cell}
              class={cell < OLD ? "old" : "new"}
              style={{ opacity: strength(index, cell), animationDelay: `${(cell - OLD) * 70 + index * 40}ms` }}
            />
          ))}
        </div>
      ))}
    </div>
  );
}

/** As uneven as the use of tokens is, and the same each time. */
function strength(index: number, cell: number): number {
  const wave = Math.sin(index * 12.9898 + cell * 78.233) * 43758.5453;
  return 0.25 + 0.75 * (wave - Math.floor(wave));
}
