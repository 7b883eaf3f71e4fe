/** The looks of the page. */

/** Blue and orange are of Okabe and Ito's palette, which the colour-blind can tell apart. */
export const colours = `
:root {
  color-scheme: light dark;
  --page: #fff; --card: #f6f7f8; --ink: #1b1f24; --muted: #5b6570; --rule: #e3e6e9;
  --blue: #0072b2; --blue-text: #0068a3; --orange: #d55e00; --orange-text: #b34f00;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #14171a; --card: #1d2125; --ink: #e7e9eb; --muted: #a0a8b0; --rule: #2d3338;
    --blue: #56b4e9; --blue-text: #7cc5ee; --orange: #e69f00; --orange-text: #f0b436;
  }
}
`;

export const style = `${colours}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body {
  margin: 0; background: var(--page); color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", Arial, sans-serif;
}
main { max-width: 60rem; margin: 0 auto; padding: clamp(2rem, 6vw, 4.5rem) clamp(1rem, 4vw, 1.5rem); }
h1 { font-size: clamp(1.6rem, 4.5vw, 2.25rem); line-height: 1.15; letter-spacing: -0.02em; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.25rem; line-height: 1.3; letter-spacing: -0.01em; margin: 0 0 1rem; }
h3 { font-size: 1rem; margin: 0 0 0.6rem; }
h4 { font-size: 0.8125rem; font-weight: 600; color: var(--muted); margin: 0 0 0.4rem; }
section { margin-top: 3.5rem; }
.subtitle { font-size: 1.125rem; color: var(--muted); margin: 0.6rem 0 0; max-width: 44rem; text-wrap: pretty; }
.facts {
  display: grid; grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr)); gap: 1.25rem 1.5rem;
  margin: 2.25rem 0 0; padding: 1.25rem 0; border-block: 1px solid var(--rule);
}
dt { font-size: 0.8125rem; color: var(--muted); }
dd { margin: 0.1rem 0 0; font-size: 1.125rem; font-weight: 600; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
figure { margin: 0; }
figcaption, .note { font-size: 0.875rem; color: var(--muted); margin: 0.75rem 0 0; max-width: 46rem; text-wrap: pretty; }
svg { display: block; width: 100%; height: auto; overflow: visible; }
svg text { white-space: pre; paint-order: stroke; }
.narrow { display: none; }
@media (max-width: 40rem) { .narrow { display: block; } .wide { display: none; } }
.scroll { overflow-x: auto; }
figure + .scroll { margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; font-size: 0.9375rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; vertical-align: top; padding: 0.6rem 1.25rem 0.6rem 0; border-bottom: 1px solid var(--rule); }
th:last-child, td:last-child { padding-right: 0; }
thead th { font-size: 0.8125rem; font-weight: 600; color: var(--muted); white-space: nowrap; }
.number, .numbers th, .numbers td { text-align: right; }
.whole { white-space: nowrap; }
.wide-cell { min-width: 14rem; }
small { display: block; font-size: 0.8125rem; color: var(--muted); }
.timeline { list-style: none; margin: 1.5rem 0 0; padding: 0 0 0 1.25rem; border-left: 2px solid var(--rule); }
.timeline > li + li { margin-top: 2rem; }
.timeline h3 { position: relative; display: flex; flex-wrap: wrap; column-gap: 0.75rem; }
.timeline h3::before {
  content: ""; position: absolute; left: calc(-1.25rem - 1px); top: 0.77em; width: 9px; height: 9px;
  border-radius: 50%; background: var(--blue); box-shadow: 0 0 0 4px var(--page); transform: translate(-50%, -50%);
}
.grown { font-weight: 400; color: var(--muted); white-space: nowrap; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr)); gap: 1rem; }
.card { background: var(--card); border-radius: 8px; padding: 0.9rem 1.1rem; min-width: 0; }
.text, code { font: 0.875rem/1.55 ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
.text { white-space: pre-wrap; overflow-wrap: anywhere; tab-size: 4; }
.prompt { font-weight: 700; color: var(--blue-text); }
pre { background: var(--card); border-radius: 8px; padding: 0.9rem 1.1rem; margin: 0; }
.command { white-space: pre-wrap; overflow-wrap: anywhere; }
details { margin-top: 1.25rem; }
summary { cursor: pointer; font-size: 0.9375rem; color: var(--blue-text); width: fit-content; padding: 0.25rem 0; }
details > :not(summary) { margin-top: 0.5rem; }
:focus-visible { outline: 2px solid var(--blue); outline-offset: 3px; border-radius: 3px; }
@media print {
  main { max-width: none; padding: 0; }
  section { margin-top: 2rem; }
  .wide { display: block; }
  .narrow { display: none; }
  figure, .card, tr { break-inside: avoid; }
  h2, h3 { break-after: avoid; }
  pre { white-space: pre-wrap; }
  * { print-color-adjust: exact; }
}
`;
