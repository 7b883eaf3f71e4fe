/** What is behind it, in a few words, and the way to the whole story. */

export function Story() {
  return (
    <section class="story" aria-labelledby="story-title">
      <h2 id="story-title">How it can grow without forgetting</h2>
      <p>
        A token layer compares what comes in with the key of each parameter token, and adds up the values of those that
        match. A new token begins with a key of zeros: nothing matches it, so that all answers stay exactly what they
        were; then it learns what to ask for, and wakes.
      </p>
      <p>
        <a href="#/learn">See it in four figures that are alive</a>, with what growing costs, what it buys, and what is
        not known.
      </p>
    </section>
  );
}
