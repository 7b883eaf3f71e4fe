/** Pieces of text, handed on together once a frame. */

import { useRef } from "preact/hooks";

export function useGathered(hand: (text: string) => void): (text: string) => void {
  const waiting = useRef("");
  return (text) => {
    if (waiting.current === "") {
      requestAnimationFrame(() => {
        const all = waiting.current;
        waiting.current = "";
        hand(all);
      });
    }
    waiting.current += text;
  };
}
