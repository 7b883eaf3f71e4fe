import { fileURLToPath } from "node:url";
import { configDefaults, defineConfig } from "vitest/config";
import { NODE_FLAGS } from "./test/support/node-flags.ts";

// Tests are typed against `src` and run against `dist`, the build that ships: `npm test` builds first.
const built = fileURLToPath(new URL("./dist/", import.meta.url));

/** Tests that look at their process, or change it: each file has one of its own. */
const alone = [
  "test/**/{faults,leak,live-run,memory,mutations,opening,shelf,telemetry,webgpu}.test.ts",
  "test/cluster/{launcher,launcher-output}.test.ts",
  "test/torture/*.test.ts",
];

export default defineConfig({
  resolve: {
    alias: [{ find: /^(?:\.\.\/)+src\/(.*)\.ts$/, replacement: `${built}$1.js` }],
  },
  test: {
    testTimeout: 300_000,
    hookTimeout: 300_000,
    // A browser that trains on a busy machine takes its time.
    expect: { poll: { timeout: 60_000 } },
    // Tests of four files run at once: on two cores, as tests in browsers and of programs wait for a third of their time, and on a busy
    // machine two would get less than one core; six take an eighth longer. Models are tiny: further threads of a device would only wait
    // for each other.
    maxWorkers: 4,
    execArgv: [...NODE_FLAGS],
    env: { OMP_NUM_THREADS: "1" },
    // One fault that lets tests wait in vain must not take hours.
    bail: 10,
    setupFiles: ["byte-equality", "watchdog"].map((name) =>
      fileURLToPath(new URL(`./test/support/${name}.ts`, import.meta.url)),
    ),
    // The build is loaded as it is.
    server: { deps: { external: [/\/dist\//] } },
    projects: [
      {
        extends: true,
        // One process loads the library for many files, and has compiled the most of it after the first.
        test: {
          name: "together",
          include: ["test/**/*.test.ts"],
          exclude: [...configDefaults.exclude, ...alone],
          isolate: false,
        },
      },
      { extends: true, test: { name: "alone", include: alone } },
    ],
  },
});
