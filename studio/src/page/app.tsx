/** The page: the first screen, or a run. */

import { ComputerScreen } from "./computer/computer-screen.tsx";
import { Home } from "./home/home.tsx";
import { Learn } from "./learn/learn.tsx";
import { Header } from "./parts/header.tsx";
import { Notices } from "./parts/notices.tsx";
import { SharedScreen } from "./share/shared-screen.tsx";
import { sharedQuery, tellsStory, watchedId } from "./store/address.ts";
import { opened, phase } from "./store/state.ts";
import { RunScreen } from "./watch/run-screen.tsx";

export function App() {
  const run = opened.value;
  const watched = watchedId.value;
  const shared = sharedQuery.value;
  return (
    <>
      {/* No link: the address says which run is on the screen, and is to stay. */}
      <button type="button" class="skip" onClick={() => document.getElementById("main")?.focus()}>
        Skip to the content
      </button>
      <Header />
      <Notices />
      <main id="main" tabIndex={-1}>
        {tellsStory.value ? (
          <Learn />
        ) : phase.value.kind === "broken" ? (
          <Broken message={phase.value.message} />
        ) : run !== undefined ? (
          <RunScreen key={run.summary.id} run={run} />
        ) : shared !== undefined ? (
          <SharedScreen query={shared} />
        ) : watched !== undefined ? (
          <ComputerScreen key={watched} id={watched} />
        ) : (
          <Home />
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
