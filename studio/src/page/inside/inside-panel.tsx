/** A look inside the model: what a text does in it, token by token. */

import { useSignal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import type { RunView } from "../../engine/api.ts";
import { pieceName } from "../format.ts";
import { perRun } from "../store/per-run.ts";
import { AttentionMap } from "./attention-map.tsx";
import { LookForm } from "./look-form.tsx";
import { firstText, Looking } from "./looking.ts";
import { NextTokens } from "./next-tokens.tsx";
import { ParameterMap } from "./parameter-map.tsx";
import { MapChoices } from "./site-choice.tsx";
import { TokenChips } from "./token-chips.tsx";
import { Usage } from "./usage.tsx";

/** Milliseconds without a key before a text is looked at. */
const PAUSE = 350;

const lookings = perRun(({ summary }) => new Looking(summary.id));

export function InsidePanel({ run }: { readonly run: RunView }) {
  const looking = lookings(run);
  const follows = useSignal(true);
  const { samples, sites } = run;
  const sample = samples.at(-1)?.text;
  const text = looking.text.value;

  useEffect(() => {
    if (looking.text.peek() === "") looking.text.value = firstText(run);
  }, [looking]);
  useEffect(() => {
    if (text === "" && looking.look.peek() === undefined) return;
    const timer = setTimeout(() => void looking.again(), PAUSE);
    return () => clearTimeout(timer);
  }, [looking, text]);
  // The model has learnt, or has grown.
  useEffect(() => {
    if (follows.peek() && looking.look.peek() !== undefined) void looking.again();
  }, [looking, samples.length, sites]);

  // What is drawn of a look changes with the look, not with each point of the curve.
  const { pieces } = run;
  const maps = useMemo(() => <Maps looking={looking} piece={pieceName(pieces)} />, [looking, pieces]);
  return (
    <div class="inside">
      <LookForm looking={looking} pieces={pieces} follows={follows} sample={sample} />
      {maps}
      <Usage run={run} />
    </div>
  );
}

interface MapsProps {
  readonly looking: Looking;
  /** What its texts are cut into. */
  readonly piece: string;
}

function Maps({ looking, piece }: MapsProps) {
  const look = looking.look.value;
  if (look === undefined) return <div class="maps-room" aria-busy={looking.looks.value} />;
  const { inspection, site, attention } = look;
  return (
    <>
      <div class="reading">
        <TokenChips looking={looking} look={look} />
        <NextTokens looking={looking} look={look} />
      </div>
      {inspection.layers > 0 && <MapChoices looking={looking} inspection={inspection} />}
      <div class="maps">
        <section aria-labelledby="parameters-title">
          <h3 id="parameters-title">Parameter tokens that each {piece} uses</h3>
          {site === undefined ? (
            <p class="empty">A plain GPT has weight matrices in place of parameter tokens, so there is none to show.</p>
          ) : (
            <ParameterMap looking={looking} look={look} site={site} />
          )}
        </section>
        {attention !== undefined && (
          <section aria-labelledby="attention-title">
            <h3 id="attention-title">
              Earlier {piece}s that each {piece} looks at
            </h3>
            <AttentionMap looking={looking} look={look} attention={attention} />
          </section>
        )}
      </div>
    </>
  );
}
