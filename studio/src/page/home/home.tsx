/** The first screen: what this is, a new run, and the runs there are. */

import { ComputerList } from "../computer/computer-list.tsx";
import { Gallery } from "../gallery/gallery.tsx";
import { RunList } from "../runs/run-list.tsx";
import { phase } from "../store/state.ts";
import { StartForm } from "./start-form.tsx";
import { Story } from "./story.tsx";
import { TokenPicture } from "./token-picture.tsx";

export function Home() {
  return (
    <div class="home">
      <section class="hero">
        <div class="hero-words">
          <h1 tabIndex={-1}>Train a language model in this tab, then watch it grow without forgetting.</h1>
          <p class="lead">
            A TokenFormer keeps what it knows in <em>parameter tokens</em>. Add more of them at any time, and it goes on
            learning from where it was. Everything stays on your computer.
          </p>
          <p class="note">
            <a href="https://arxiv.org/abs/2410.23168">
              The paper: TokenFormer, Rethinking Transformer Scaling with Tokenized Model Parameters
            </a>
          </p>
        </div>
        <TokenPicture />
        <StartForm ready={phase.value.kind === "ready"} />
      </section>
      <Gallery />
      <RunList />
      <ComputerList />
      <Story />
    </div>
  );
}
