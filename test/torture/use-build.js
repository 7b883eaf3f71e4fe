/** Loaded before the suite: `src`, which it is typed against, is the build that ships. */

import { register } from "node:module";

const hook = `export const resolve = async (name, context, next) => {
  const found = await next(name, context);
  return { ...found, url: found.url.replace("/dist-torture/src/", "/dist/") };
};`;

register(`data:text/javascript,${encodeURIComponent(hook)}`);
