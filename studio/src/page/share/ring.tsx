/**
 * A model as the rings of a tree: one for each birth, as wide as it has tokens and as bright as they are used; around it what the model
 * wrote before it first grew, and what it writes now.
 */

import { useId } from "preact/hooks";
import { colour, generationProperty } from "../parts/colours.ts";
import { theme } from "../parts/theme.tsx";
import type { Recipe } from "./recipe.ts";
import { brightness, ringShapes } from "./ring-shapes.ts";

/** Radii in the picture: of the rings, and of the lines of text around them. Then its size. */
const RADIUS = 118;
const INNER_LINE = 130;
const OUTER_LINE = 152;
const SIZE = 340;

interface RingProps {
  readonly recipe: Pick<Recipe, "rings" | "before" | "now">;
  readonly label: string;
}

export function RingPicture({ recipe: { rings, before, now }, label }: RingProps) {
  const inside = useId();
  const outside = useId();
  // Colours are written into the picture, so that it can leave the page.
  void theme.value;
  // Without words around it, all of the picture is the rings.
  const size = before === "" && now === "" ? 2 * RADIUS + 4 : SIZE;
  const edge = (SIZE - size) / 2;
  const drawn = ringShapes(rings, RADIUS).map(({ born, inner, width, use }, index) => ({
    born,
    radius: inner + width / 2,
    width,
    opacity: brightness(use),
    fill: colour(generationProperty(index)),
  }));
  return (
    <svg
      class="ring"
      viewBox={`${edge} ${edge} ${size} ${size}`}
      role="img"
      aria-label={label}
      xmlns="http://www.w3.org/2000/svg"
    >
      <title>{label}</title>
      <defs>
        <path id={inside} d={circle(INNER_LINE)} />
        <path id={outside} d={circle(OUTER_LINE)} />
      </defs>
      {drawn.map(({ born, radius, width, opacity, fill }) => (
        <circle
          key={born}
          cx={SIZE / 2}
          cy={SIZE / 2}
          r={radius}
          fill="none"
          stroke={fill}
          stroke-width={radius * 2 === width ? width : Math.max(1, width - 1.5)}
          opacity={opacity}
        />
      ))}
      <Line path={inside} text={before} ink={colour("--quiet")} />
      <Line path={outside} text={now} ink={colour("--ink")} />
    </svg>
  );
}

function Line({ path, text, ink }: { readonly path: string; readonly text: string; readonly ink: string }) {
  if (text === "") return null;
  return (
    <text fill={ink} font-family="Georgia, serif" font-size="13">
      <textPath href={`#${path}`}>{text}</textPath>
    </text>
  );
}

/** A circle around the middle as a path, from the left over the top. */
function circle(radius: number): string {
  const [left, right, middle] = [SIZE / 2 - radius, SIZE / 2 + radius, SIZE / 2];
  const arc = `A${radius} ${radius} 0 0 1`;
  return `M${left} ${middle} ${arc} ${right} ${middle} ${arc} ${left} ${middle}`;
}

/** The width of a picture that is saved: what pages show of a link. */
const WIDTH = 1200;
const HEIGHT = 630;

/** The ring and some words as a picture. */
export async function ringImage(svg: SVGSVGElement, title: string, words: string): Promise<Blob> {
  const canvas = Object.assign(document.createElement("canvas"), { width: WIDTH, height: HEIGHT });
  const context = canvas.getContext("2d");
  if (context === null) throw new Error("This browser does not let the page draw; take a screenshot instead.");
  context.fillStyle = colour("--paper");
  context.fillRect(0, 0, WIDTH, HEIGHT);
  const copy = svg.cloneNode(true);
  if (copy instanceof SVGSVGElement) {
    copy.setAttribute("width", String(HEIGHT));
    copy.setAttribute("height", String(HEIGHT));
  }
  const address = URL.createObjectURL(
    new Blob([new XMLSerializer().serializeToString(copy)], { type: "image/svg+xml" }),
  );
  try {
    const image = new Image();
    image.src = address;
    await image.decode();
    context.drawImage(image, 0, 0, HEIGHT, HEIGHT);
  } finally {
    URL.revokeObjectURL(address);
  }
  context.fillStyle = colour("--ink");
  context.font = "600 44px Georgia, serif";
  context.fillText(title, HEIGHT + 20, HEIGHT / 2 - 20, WIDTH - HEIGHT - 50);
  context.fillStyle = colour("--quiet");
  context.font = "26px system-ui, sans-serif";
  context.fillText(words, HEIGHT + 20, HEIGHT / 2 + 30, WIDTH - HEIGHT - 50);
  return new Promise((resolve, reject) =>
    canvas.toBlob((blob) => (blob === null ? reject(new Error("The picture could not be made.")) : resolve(blob))),
  );
}
