/** The page: the first screen, or a run. */

import { Home } from "./home/home.tsx";
import { Header } from "./parts/header.tsx";
import { Notices } from "./parts/notices.tsx";
import { opened, phase } from "./store/state.ts";
import { RunScreen } from "./watch/run-screen.tsx";

export function App() {
  const run = opened.value;
  return (
    <>
      <a class="skip" href="#main">
        Skip to the content
      </a>
      <Header />
      <Notices />
      <main id="main" tabIndex={-1}>
        {phase.value.kind === "broken" ? (
          <Broken message={phase.value.message} />
        ) : run === undefined ? (
          <Home />
        ) : (
          <RunScreen key={run.summary.id} run={run} />
        )}
      </main>
    </>
  );
}

function Broken({ message }: { readonly message: string }) {
  return (
    <section class="hero">
      <h1>The studio cannot start here.</h1>
      <p class="lead">{message}</p>
      <p>
        It needs a browser of the last two years with WebAssembly. Try the newest Chrome, Edge, Firefox or Safari,
        outside of a private window.
      </p>
      <button type="button" class="primary" onClick={() => location.reload()}>
        Try again
      </button>
    </section>
  );
}
