/**
 * A folder that checks a GPU on a bare Linux machine (x64, no network): Node, what tokenformer needs at run time, the check itself and
 * its program for PyTorch in one archive, with a script that unpacks it and runs the check.
 *
 *     npm run bench:gpu -- [--out gpu-check]
 *
 * README.md beside this file says how to use it.
 */

import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { endAt, parsedOptions } from "../options.ts";

/** The most that a bundle may take. */
const MOST = 60 * 2 ** 20;

const root = fileURLToPath(new URL("../..", import.meta.url));
const { values: options } = parsedOptions({ options: { out: { type: "string", default: "gpu-check" } } });

if (process.platform !== "linux" || process.arch !== "x64")
  endAt(`this is ${process.platform} on ${process.arch}: a bundle is made on Linux x64, whose Node goes into it`);
if (existsSync(options.out)) endAt(`--out ${options.out}: is there already; remove it, or choose another folder`);

const scratch = mkdtempSync(join(tmpdir(), "gpu-check-"));
const stage = join(scratch, "check");
mkdirSync(stage);
copyNode();
for (const folder of runtimePackages()) copy(folder);
for (const path of ["package.json", "dist", "dist-bench", "bench/peers/pytorch/train_step.py"]) copy(join(root, path));
const loader = vulkanLoader();
if (loader === undefined) console.log("no libvulkan.so.1 here: the machine with the GPU must have one");
else cpSync(loader, join(stage, "vulkan/libvulkan.so.1"), { recursive: true, dereference: true });

mkdirSync(options.out, { recursive: true });
const archive = join(options.out, "check.tar.gz");
execFileSync("tar", [
  "--create",
  "--directory",
  scratch,
  "--use-compress-program",
  "gzip -9",
  "--file",
  archive,
  "check",
]);
rmSync(scratch, { recursive: true });
const script = readFileSync(join(root, "bench/gpu/check.sh"));
writeFileSync(join(options.out, "check.sh"), script, { mode: 0o755 });
const bytes = statSync(archive).size + script.length;
const size = `${(bytes / 2 ** 20).toFixed(1)} MiB`;
if (bytes > MOST) throw new Error(`${options.out}: has ${size}, more than ${MOST / 2 ** 20} MiB`);
console.log(`${options.out}: ${size}; on the machine with the GPU: ${join(options.out, "check.sh")}`);

/** Node without its symbols, where there is a program that removes them. */
function copyNode(): void {
  const node = join(stage, "node");
  cpSync(process.execPath, node, { dereference: true });
  try {
    execFileSync("strip", ["--strip-all", node], { stdio: "ignore" });
  } catch {
    // As it is, it works as well.
  }
}

/** The folders of the packages that are needed at run time, without what is optional. */
function runtimePackages(): string[] {
  const given = ["ls", "--omit=dev", "--omit=peer", "--omit=optional", "--all", "--parseable"];
  const [, ...folders] = execFileSync("npm", given, { cwd: root, encoding: "utf8" }).trim().split("\n");
  return folders;
}

/** Copies a file or a folder to its place in the stage, without what no program reads at run time here. */
function copy(from: string): void {
  const to = join(stage, relative(root, from));
  cpSync(from, to, {
    recursive: true,
    dereference: true,
    filter: (path) => {
      const inside = relative(root, path);
      const isElsewhere =
        inside.includes("onnxruntime-node/bin/") && !/napi-v\d+(\/linux(\/x64(\/.*)?)?)?$/.test(inside);
      const isOwnPage = inside === "dist/studio";
      const isNested = path !== from && /\/node_modules$/.test(path);
      return !isElsewhere && !isOwnPage && !isNested && !/\.(map|md|d\.[cm]?ts|tsbuildinfo)$/.test(path);
    },
  });
}

/** The library through which programs find Vulkan drivers, where this machine has it. */
function vulkanLoader(): string | undefined {
  const places = ["/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/lib", "/usr/lib/chromium"];
  return places.map((place) => join(place, "libvulkan.so.1")).find((path) => existsSync(path));
}
