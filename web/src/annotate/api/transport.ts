// One request to the server: credentials, time limit, errors, and whether it can be reached.

import { Observable, type Readable } from "../observable";
import { ApiError } from "./errors";

export interface TransportOptions {
  /** Where the server is, without a slash at the end. */
  readonly origin?: string;
  /** Of the annotator, where no cookie carries it. */
  readonly token?: string | null;
  readonly fetch?: typeof fetch;
  /** After which no answer counts as none. */
  readonly timeoutMs?: number;
  /** Before each new try of a request that changes nothing. */
  readonly pausesMs?: readonly number[];
}

export interface Ask {
  readonly method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly json?: unknown;
  readonly body?: BodyInit;
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number;
  /** Not tried again. */
  readonly isOnce?: boolean;
  /** Goes on when the page ends. */
  readonly keepalive?: boolean;
}

export class Transport {
  private readonly origin: string;
  private readonly token: string | null;
  private readonly fetch: typeof fetch;
  private readonly timeoutMs: number;
  private readonly pausesMs: readonly number[];
  private readonly silentSince = new Observable<Date | null>(null);
  private readonly signedOut = new Observable(false);

  constructor(options: TransportOptions = {}) {
    this.origin = options.origin ?? "";
    this.token = options.token ?? null;
    this.fetch = options.fetch ?? ((url, init) => fetch(url, init));
    this.timeoutMs = options.timeoutMs ?? 20_000;
    this.pausesMs = options.pausesMs ?? [300, 1500];
  }

  /** Since when requests are not answered; null while they are. */
  get offlineSince(): Readable<Date | null> {
    return this.silentSince;
  }

  /** Whether the server said that it does not know who asks. */
  get isSignedOut(): Readable<boolean> {
    return this.signedOut;
  }

  url(path: string): string {
    return this.origin + path;
  }

  json<T>(path: string, ask: Ask = {}): Promise<T> {
    return this.ask(path, ask, (response) => response.json() as Promise<T>);
  }

  /**
   * What `read` makes of a good answer, within the time limit. Throws ApiError, or the signal's own
   * reason if that aborts.
   */
  async ask<T>(path: string, ask: Ask, read: (response: Response) => Promise<T>): Promise<T> {
    // What changes something is tried again only by who knows that it may be; and where nothing is
    // answered, nobody is to wait.
    const isSilent = this.silentSince.value !== null;
    const isRead = (ask.method ?? "GET") === "GET";
    const pauses = isRead && !ask.isOnce && !isSilent ? this.pausesMs : [];
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.limited(path, ask, read);
      } catch (error) {
        const again = error instanceof ApiError && ["offline", "busy"].includes(error.kind);
        if (!again || attempt >= pauses.length) throw error;
        await pause(pauses[attempt], ask.signal);
      }
    }
  }

  private async limited<T>(path: string, ask: Ask, read: (response: Response) => Promise<T>) {
    const { signal, timeoutMs = this.timeoutMs } = ask;
    signal?.throwIfAborted();
    const stop = new AbortController();
    const giveUp = () => stop.abort(signal?.reason);
    signal?.addEventListener("abort", giveUp, { once: true });
    const timer = setTimeout(() => stop.abort(), timeoutMs);
    try {
      const response = await this.fetch(this.url(path), { ...this.init(ask), signal: stop.signal });
      const answer = response.ok ? await read(response) : await ApiError.from(response);
      this.tell(!(answer instanceof ApiError && answer.kind === "offline"));
      if (!(answer instanceof ApiError)) return answer;
      if (answer.kind === "signed_out") this.signedOut.set(true);
      throw answer;
    } catch (error) {
      if (error instanceof ApiError) throw error;
      signal?.throwIfAborted();
      this.tell(false);
      const late = `the server has not answered for ${timeoutMs / 1000} seconds`;
      throw new ApiError("offline", stop.signal.aborted ? late : "the server can't be reached");
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", giveUp);
    }
  }

  private init({ method = "GET", json, body, keepalive = false }: Ask): RequestInit {
    const headers = new Headers();
    if (this.token) headers.set("Authorization", `Bearer ${this.token}`);
    if (json !== undefined) headers.set("Content-Type", "application/json");
    const init: RequestInit = { method, headers, credentials: "same-origin", keepalive };
    if (json !== undefined) init.body = JSON.stringify(json);
    else if (body !== undefined) init.body = body;
    return init;
  }

  private tell(reached: boolean): void {
    if (reached === (this.silentSince.value === null)) return;
    this.silentSince.set(reached ? null : new Date());
  }
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal?.addEventListener("abort", stop, { once: true });
  });
}
