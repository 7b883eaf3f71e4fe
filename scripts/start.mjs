// `npm start`: installs, builds, and runs the demo. On a fresh clone it installs what running takes alone, a third of all packages: what
// tests, the studio's build and benchmarks need comes with `npm install` or `npm test`. The compiler is fetched for this build, then.

import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";

// An interrupt is for the command that runs, which ends by itself and is waited for.
process.on("SIGINT", () => undefined);

/** Runs a command, and ends with it where it fails. */
function run(command) {
  // A shell, as npm is a script on Windows.
  const { status } = spawnSync(command, { shell: true, stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}

const hasCompiler = () => existsSync("node_modules/typescript");
// What is installed whole already stays so.
run(`npm install --no-audit --no-fund${hasCompiler() ? "" : " --omit=dev --omit=peer"}`);
if (hasCompiler()) run("npm run --silent library:build && npm run --silent programs:build");
else {
  const { packages } = JSON.parse(readFileSync("package-lock.json", "utf8"));
  const compiler = `typescript@${packages["node_modules/typescript"].version}`;
  // Types are those of packages that are not there; `npm test` checks them.
  run(`npm exec --yes --package ${compiler} -- tsc -p tsconfig.build.json --noCheck --declaration false --types ""`);
}
run("node dist/cli/main.js demo");
