// `npm run check`: all that is found without running tests, side by side, as one alone leaves a core idle. What each says is printed
// once it has ended; the others go on where one has failed, so that all faults are told at once.

import { spawn } from "node:child_process";

/** Whether a command succeeds. */
function succeeds(command) {
  return new Promise((resolve, reject) => {
    // A shell, as programs of packages are scripts on Windows.
    const child = spawn(command, { shell: true, stdio: ["ignore", "pipe", "pipe"] });
    let said = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text) => {
        said += text;
      });
    }
    child.on("error", reject);
    child.on("close", (code) => {
      if (code !== 0) said = `${command} failed:\n${said}`;
      process.stdout.write(said);
      resolve(code === 0);
    });
  });
}

/** What uses the library as it is built. */
async function checksOfBuild() {
  if (!(await succeeds("npm run --silent library:build -- --noCheck && npm run --silent programs:build")))
    return [false];
  const commands = ["npm run --silent studio:build", "tsc -p tsconfig.json --checkers 2", "tsc -p studio"];
  return Promise.all(commands.map(succeeds));
}

const outcomes = await Promise.all([
  succeeds("biome check ."),
  succeeds("tsc -p studio/service-worker"),
  checksOfBuild(),
]);
if (outcomes.flat().includes(false)) process.exitCode = 1;
