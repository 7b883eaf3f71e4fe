/** The story of growing without forgetting, for someone who knows what a layer of a network is: each part with a figure that is alive. */

import type { ComponentChildren } from "preact";
import { sourceAddress } from "../parts/public-address.ts";
import { CostFigure } from "./cost-figure.tsx";
import { OrdinaryFigure } from "./ordinary-figure.tsx";
import { SilentFigure } from "./silent-figure.tsx";
import { TokenFigure } from "./token-figure.tsx";

export default function LearnPage() {
  return (
    <article class="learn">
      <h1 tabIndex={-1}>How a model can grow without forgetting</h1>
      <p class="lead">
        Four steps, each with a figure that the library of this page computes as you turn it: the same code that trains
        models here, on layers small enough to see all of.
      </p>
      <Part title="1. An ordinary layer is a matrix" figure={<OrdinaryFigure />}>
        <p>
          What comes in is a row of numbers; the layer multiplies it by a matrix, and the numbers of the matrix are what
          it has learnt.
        </p>
        <p>
          Its size is the shape of that matrix, and the shape is what its neighbours must fit: to have more numbers in
          it, something must give it more numbers, and something must take more. With new numbers at random, what came
          out before is another thing. There are ways to widen a matrix with care, as Net2Net does, and this project has
          them for comparison; but all layers around have to follow.
        </p>
      </Part>
      <Part title="2. A token layer asks" figure={<TokenFigure />}>
        <p>
          A TokenFormer replaces each matrix by a list of <b>parameter tokens</b>, each a key and a value. What comes in
          is compared with every key: how far it points the same way is a score. Scores are divided by the length of all
          of them together and bent, so that only what matches counts; then the values are added up, each as much as it
          is asked.
        </p>
        <p>
          It is attention, as between the words of a text, but with something learnt on the other side. What comes in
          and what comes out have a size of their own: the list may be of any length.
        </p>
      </Part>
      <Part title="3. A key of zeros is silent" figure={<SilentFigure />}>
        <p>
          So a layer can be given more tokens. But any key that points somewhere changes the answer. A key of{" "}
          <b>zeros</b> points nowhere: its score is zero with everything, it adds nothing to the length of all scores,
          and its weight is zero exactly. The layer with it is the same function as without it, as long as the factor
          before the bend, τ, stays what it was.
        </p>
        <p>
          Silent is not dead. How much the error would fall if a key moved depends on its value, and that is not zero:
          from the first update on the key is pulled to where its value would help. The value itself is pulled only once
          its key has moved. Were both zero, neither would ever move.
        </p>
        <p class="note">
          In the studio the learning rate of new tokens rises over their first updates, and τ follows the number of
          tokens slowly: at once, the first update could break what growing preserved.
        </p>
      </Part>
      <Part title="4. What growing costs, and buys" figure={<CostFigure />}>
        <p>
          An update takes about as much work as there are parameters. A run that is small at first and grows on the way
          does fewer operations than one that is large from the start, for as many updates; how many fewer is plain
          counting.
        </p>
        <p>
          <b>For the same work, it has not learned as much so far.</b> Three studies of this project found growing ahead
          of starting large, but their large models began with initial values under which they learn badly; with that
          repaired, most of the gain was gone. A fairer comparison, with the best size for each amount of work, was made
          at four amounts: at the three at which the run had grown, it is behind the best size from the start, by 0.04
          to 0.05 nats. We know of no other such test.
        </p>
        <p>
          What is sure is what you can see here: that nothing is forgotten at the moment of growing, and that the size
          need not be known beforehand. In the studio, <i>Compare</i> trains a model of the same size from scratch, or a
          plain GPT, beside yours with the same work.
        </p>
      </Part>
      <Links />
    </article>
  );
}

interface PartProps {
  readonly title: string;
  readonly figure: ComponentChildren;
  readonly children: ComponentChildren;
}

function Part({ title, figure, children }: PartProps) {
  return (
    <section class="learn-part">
      <h2>{title}</h2>
      <div class="learn-words">{children}</div>
      {figure}
    </section>
  );
}

function Links() {
  const source = sourceAddress();
  return (
    <section class="learn-links" aria-labelledby="more-title">
      <h2 id="more-title">To read on</h2>
      <ul>
        <li>
          <a href="https://arxiv.org/abs/2410.23168">
            The paper: TokenFormer, Rethinking Transformer Scaling with Tokenized Model Parameters
          </a>
        </li>
        {source !== undefined && (
          <>
            <li>
              <a href={`${source}/blob/main/docs/concepts/growth.md`}>The documentation, on growth</a>
            </li>
            <li>
              <a href={`${source}/blob/main/docs/guides/study.md`}>The studies, with what was wrong with them</a>
            </li>
            <li>
              <a href={source}>The source of this page and of its library</a>
            </li>
          </>
        )}
        <li>
          <a href="#/">Train one yourself</a>
        </li>
      </ul>
    </section>
  );
}
