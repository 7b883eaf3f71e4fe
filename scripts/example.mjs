// `npm run example -- NAME …`: an example of `dist-examples`, in the folder that the command is given in.

import { existsSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

const folder = new URL("../dist-examples/", import.meta.url);
const [, , name = ""] = process.argv;
const file = fileURLToPath(new URL(`${name}.js`, folder));
if (!/^[\w-]+$/.test(name) || !existsSync(file)) {
  const names = readdirSync(folder).flatMap((entry) => entry.match(/^([\w-]+)\.js$/)?.[1] ?? []);
  process.stderr.write(
    `npm run example: ${name === "" ? "names no example" : `there is no "${name}"`}, expected one of ${names.join(", ")}\n`,
  );
  process.exit(1);
}
process.chdir(process.env.INIT_CWD ?? process.cwd());
process.argv.splice(1, 2, file);
await import(file).catch((error) => {
  // What whoever gave the command can mend is one line.
  if (error?.name !== "UserError") throw error;
  process.stderr.write(`npm run example: ${error.message}\n`);
  process.exitCode = 1;
});
