import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

// Tests are typed against `src` and run against `dist`, the build that ships: `npm test` builds first.
const built = fileURLToPath(new URL("./dist/", import.meta.url));

export default defineConfig({
  resolve: {
    alias: [{ find: /^(?:\.\.\/)+src\/(.*)\.ts$/, replacement: `${built}$1.js` }],
  },
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 300_000,
    hookTimeout: 300_000,
    // A browser that trains on a busy machine takes its time.
    expect: { poll: { timeout: 60_000 } },
    // Each test file opens its own ONNX Runtime thread pool: more at once than cores only slows all of them.
    maxWorkers: 2,
  },
});
