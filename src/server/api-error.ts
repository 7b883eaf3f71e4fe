/** Errors as OpenAI's clients expect them. */

/** What goes wrong for a client: the status and the fields of `{"error": {…}}`. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly status: 400 | 401 | 403 | 404 | 405 | 413 | 429 | 500 | 503 | 504;
  readonly code: string | null;
  /** The field of the request that is wrong. */
  readonly parameter: string | null;

  constructor(
    status: ApiError["status"],
    message: string,
    { code = null, parameter = null }: { readonly code?: string | null; readonly parameter?: string | null } = {},
  ) {
    super(message);
    this.status = status;
    this.code = code;
    this.parameter = parameter;
  }

  body() {
    return { error: { message: this.message, type: types[this.status], param: this.parameter, code: this.code } };
  }
}

const types: Readonly<Record<ApiError["status"], string>> = {
  400: "invalid_request_error",
  401: "invalid_request_error",
  403: "invalid_request_error",
  404: "invalid_request_error",
  405: "invalid_request_error",
  413: "invalid_request_error",
  429: "rate_limit_error",
  500: "server_error",
  503: "server_error",
  504: "server_error",
};

/** A client that went away: nobody reads the answer. */
export class ClientGone extends Error {
  override readonly name = "ClientGone";
}
