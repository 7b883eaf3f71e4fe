/** The sides, which are asked one after the other. All but TensorFlow.js are in workers of their own. */

const start = {
  ours: () => inWorker(new Worker(new URL("./ours.js", import.meta.url), { type: "module" })),
  products: () => inWorker(new Worker(new URL("./products.js", import.meta.url), { type: "module" })),
  tfjs: async () => (await import("./tfjs.js")).turn,
  jax: () => inWorker(new Worker(new URL("./jax.js", import.meta.url), { type: "module" })),
  nanogpt: () => inWorker(new Worker(new URL("./nanogpt.js", import.meta.url), { type: "module" })),
};

function inWorker(worker) {
  return (count) =>
    new Promise((resolve, reject) => {
      worker.onmessage = ({ data }) => ("error" in data ? reject(new Error(data.error)) : resolve(data));
      worker.onerror = ({ message }) => reject(new Error(message));
      worker.postMessage(count);
    });
}

const sides = {};

/** Makes K steps of a side: the seconds and the loss of each. */
window.step = async (side, count) => {
  sides[side] ??= await start[side]();
  return sides[side](count);
};
