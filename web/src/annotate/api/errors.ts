// What the server refuses, and what never reached it.

import type { ErrorBody, ErrorKind, LeaseHolder } from "./types";

/** `offline`: no answer came. `failure`: one that isn't the server's own, or says nothing. */
export type ApiErrorKind = ErrorKind | "offline" | "failure";

const KIND_OF_STATUS: Readonly<Record<number, ApiErrorKind>> = {
  400: "invalid",
  401: "signed_out",
  403: "forbidden",
  404: "not_found",
  409: "conflict",
  413: "invalid",
  422: "invalid",
  429: "busy",
  502: "offline", // a proxy speaks, and nobody behind it
  503: "busy",
  504: "offline",
  507: "storage",
};

/** Kinds that pass: the same request may well be answered later. */
const PASSING: ReadonlySet<ApiErrorKind> = new Set([
  "offline",
  "busy",
  "storage",
  "failure",
  "signed_out", // and in again
]);

export class ApiError extends Error {
  override name = "ApiError";

  constructor(
    readonly kind: ApiErrorKind,
    message: string,
    /** Of HTTP; 0 where no answer came. */
    readonly status = 0,
    /** Who holds the image, where that is why. */
    readonly holder: LeaseHolder | null = null,
  ) {
    super(message);
  }

  get isPassing(): boolean {
    return PASSING.has(this.kind);
  }

  static async from(response: Response): Promise<ApiError> {
    const { status } = response;
    const body = (await response.json().catch(() => null)) as Partial<ErrorBody> | null;
    const kind = body?.kind ?? KIND_OF_STATUS[status] ?? "failure";
    const line = body?.error ?? `the server answered ${status} without saying why`;
    return new ApiError(kind, line, status, body?.lease ?? null);
  }
}
