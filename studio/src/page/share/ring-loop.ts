/** The growth of a model as a short loop: ring after ring comes, silent at first, and brightens to what it is used now. */

import { count } from "../format.ts";
import { colour, generationProperty } from "../parts/colours.ts";
import type { Recipe, Ring } from "./recipe.ts";
import { brightness, ringShapes } from "./ring-shapes.ts";

/** The side of the picture, in pixels. */
const SIDE = 400;
const MIDDLE = { x: SIDE / 2, y: 164 } as const;
const RADIUS = 138;

/** Frames in which a ring comes, and in which it wakes. */
const COMES = 6;
const WAKES = 6;

/** Milliseconds of a frame; of one in which a ring is looked at; of the last, with what the model writes. */
const DELAY = 90;
const STAYS = 500;
const ENDS = 2000;

/** What a frame shows: rings that are there, how far the last has come and woken, from 0 to 1, and a line below. */
interface LoopFrame {
  readonly rings: number;
  readonly come: number;
  readonly woken: number;
  readonly line: string;
  /** How long it is shown, in milliseconds. */
  readonly delay: number;
}

/** The frames of a loop, in order. */
export function loopFrames({
  rings,
  before,
  now,
  step,
}: Pick<Recipe, "rings" | "before" | "now" | "step">): LoopFrame[] {
  const births = rings.flatMap((ring, index) => {
    const asleep = { rings: index + 1, come: 1, woken: index === 0 ? 1 : 0, line: birthWords(ring), delay: DELAY };
    const awake = { ...asleep, woken: 1, line: index === 0 && before !== "" ? before : asleep.line };
    return [
      ...shares(COMES).map((come) => ({ ...asleep, come })),
      ...(index === 0 ? [] : shares(WAKES).map((woken) => ({ ...asleep, woken }))),
      { ...awake, delay: STAYS },
    ];
  });
  return [...births, { rings: rings.length, come: 1, woken: 1, line: now || `step ${count(step)}`, delay: ENDS }];
}

const birthWords = ({ born, tokens }: Ring) =>
  born === 0 ? `${count(tokens)} parameter tokens` : `step ${count(born)}: ${count(tokens)} more, silent at first`;

/** Shares of a loop, from above 0 to 1, slower towards the end. */
const shares = (amount: number) => Array.from({ length: amount }, (_, index) => 1 - (1 - (index + 1) / amount) ** 2);

/** Colours of a picture that has few of them, smooth edges included. */
const COLOURS = 48;

/** The loop as an animated GIF, made in a worker. */
export async function ringLoop(recipe: Recipe, title: string): Promise<Blob> {
  const [{ encode }, { default: workerUrl }] = await Promise.all([
    import("modern-gif"),
    import("modern-gif/worker?url"),
  ]);
  const canvas = Object.assign(document.createElement("canvas"), { width: SIDE, height: SIDE });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (context === null) throw new Error("This browser does not let the page draw; take a screenshot instead.");
  const frames = [];
  for (const frame of loopFrames(recipe)) {
    draw(context, recipe.rings, frame, title);
    frames.push({ data: context.getImageData(0, 0, SIDE, SIDE).data, delay: frame.delay });
    // Between two frames the page may do what else it has to.
    await new Promise((resolve) => setTimeout(resolve));
  }
  return encode({ workerUrl, width: SIDE, height: SIDE, maxColors: COLOURS, frames, format: "blob" });
}

function draw(context: CanvasRenderingContext2D, rings: readonly Ring[], frame: LoopFrame, title: string): void {
  context.globalAlpha = 1;
  context.fillStyle = colour("--paper");
  context.fillRect(0, 0, SIDE, SIDE);
  for (const [index, { inner, width, use }] of ringShapes(rings, RADIUS).slice(0, frame.rings).entries()) {
    const isLast = index === frame.rings - 1;
    const come = isLast ? frame.come : 1;
    context.globalAlpha = brightness(isLast ? use * frame.woken : use);
    context.fillStyle = colour(generationProperty(index));
    context.beginPath();
    context.arc(MIDDLE.x, MIDDLE.y, inner + Math.max(0.5, (width - 1.5) * come), 0, 2 * Math.PI);
    context.arc(MIDDLE.x, MIDDLE.y, inner, 0, 2 * Math.PI, true);
    context.fill();
  }
  context.globalAlpha = 1;
  context.textAlign = "center";
  context.fillStyle = colour("--ink");
  context.font = "600 21px Georgia, serif";
  context.fillText(title, SIDE / 2, 340, SIDE - 40);
  context.fillStyle = colour("--quiet");
  context.font = "16px Georgia, serif";
  context.fillText(frame.line, SIDE / 2, 370, SIDE - 24);
}
