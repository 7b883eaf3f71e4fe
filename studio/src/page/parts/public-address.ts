/** Where others find the studio. */

/** Where the studio is for everyone, if the build was told; else where it is here. */
export function publicAddress(): string {
  const told: unknown = import.meta.env["VITE_STUDIO_ADDRESS"];
  return typeof told === "string" && told !== "" ? told : new URL("./", document.baseURI).href;
}

/** Where the source is, if the build knows. */
export function sourceAddress(): string | undefined {
  const told: unknown = import.meta.env["VITE_SOURCE_ADDRESS"];
  return typeof told === "string" && told !== "" ? told : undefined;
}

/** Whether others can open it: a page that this computer serves to itself they cannot. */
export const isPublic = () => !/^https?:\/\/(localhost|127\.|\[::1\])/.test(publicAddress());
