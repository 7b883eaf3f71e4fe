/** The address of a server, for people and browsers. */
export function urlOf(host: string, port: number): string {
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** Whether a host is this computer's own, which others cannot reach. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}

/** The host that a request was addressed to, by its header `Host`; empty where that is none. */
export function addressedHost(header: string | undefined): string {
  const address = `http://${header ?? ""}`;
  return URL.canParse(address) ? new URL(address).hostname.replace(/^\[|\]$/g, "") : "";
}
