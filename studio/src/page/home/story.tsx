/** What is behind it, for someone who knows what an ordinary layer is: in four paragraphs, with a layer small enough to see all of it. */

import { SmallLayer } from "./small-layer.tsx";

export function Story() {
  return (
    <section class="story" aria-labelledby="story-title">
      <h2 id="story-title">How it can grow without forgetting</h2>
      <div class="story-columns">
        <div class="story-words">
          <p>
            <b>An ordinary layer</b> multiplies what comes in by a matrix of numbers. Its size is cut into the shape of
            that matrix: to make it larger is to begin again, or to guess.
          </p>
          <p>
            <b>A token layer</b> asks instead. It is a list of parameter tokens, each a key and a value. What comes in
            is compared with every key, and the values of those that match are added up. A longer list is the same layer
            with more to say.
          </p>
          <p>
            <b>A new token begins with a key of zeros.</b> Nothing matches it, so its weight is exactly zero, and all
            outputs stay what they were. But its value pulls at the key: with the first updates the key learns what to
            ask for, and the token wakes.
          </p>
          <p>
            <b>What it costs, and buys.</b> Twice the tokens cost twice the work of an update. Whether growing reaches a
            loss with less work than starting large is an open question, which this project studies and has not
            answered: <i>Compare</i> lets you look for yourself.
          </p>
        </div>
        <SmallLayer />
      </div>
    </section>
  );
}
