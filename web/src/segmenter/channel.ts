// Both ends of the talk between page and worker, one request at a time: what waits stays on the
// page, where it can still be dropped. A worker busy with one click hears of nothing else.

import { fromNote, SegmenterError, toNote } from "./errors";
import type { Progress } from "./model-folder";
import type { CallName, Calls, Handlers, Reply, Request } from "./protocol";

/** What a worker, a worker's inside and a MessagePort have in common. */
export interface Door {
  postMessage(message: unknown, moved: Transferable[]): void;
  onmessage: ((event: MessageEvent) => void) | null;
}

export interface AskOptions<K extends CallName> {
  /** Gives up the request: its promise rejects at once, and if it waits it is never sent. */
  readonly signal?: AbortSignal | undefined;
  /** Of the requests of one name that wait, only the latest stays. */
  readonly latestOf?: string | undefined;
  /** Moved to the worker instead of copied. */
  readonly moved?: Transferable[];
  /** Told the answer that came after all, when it was too late to stop it. */
  readonly onUnwanted?: (answer: Calls[K]["answer"]) => void;
}

/** A request on its way. */
interface Errand {
  readonly message: Request;
  readonly latestOf: string | undefined;
  readonly moved: Transferable[];
  readonly settle: (reply: Exclude<Reply, { progress: Progress }>) => void;
  readonly fail: (error: unknown) => void;
}

/** The page's end. */
export class Channel {
  private readonly waiting: Errand[] = [];
  private current: Errand | null = null;
  private closed: SegmenterError | null = null;
  private lastId = 0;

  constructor(
    private readonly door: Door,
    onProgress: (progress: Progress) => void,
  ) {
    door.onmessage = ({ data }: MessageEvent<Reply>) => {
      if ("progress" in data) onProgress(data.progress);
      else if (data.id === this.current?.message.id) this.finish(data);
    };
  }

  ask<K extends CallName>(
    call: K,
    request: Calls[K]["request"],
    { signal, latestOf, moved = [], onUnwanted }: AskOptions<K> = {},
  ): Promise<Calls[K]["answer"]> {
    return new Promise((resolve, reject) => {
      if (this.closed) return reject(this.closed);
      if (signal?.aborted) return reject(signal.reason);
      const giveUp = () => {
        this.drop((waiting) => waiting === errand);
        reject(signal?.reason);
      };
      const errand: Errand = {
        message: { id: ++this.lastId, call, request },
        latestOf,
        moved,
        settle: (reply) => {
          signal?.removeEventListener("abort", giveUp);
          if ("error" in reply) return reject(fromNote(reply.error));
          const answer = reply.answer as Calls[K]["answer"];
          if (signal?.aborted) onUnwanted?.(answer);
          resolve(answer);
        },
        fail: (error) => {
          signal?.removeEventListener("abort", giveUp);
          reject(error);
        },
      };
      signal?.addEventListener("abort", giveUp, { once: true });
      if (latestOf) {
        const older = this.drop((waiting) => waiting.latestOf === latestOf);
        older?.fail(new DOMException("a newer request took its place", "AbortError"));
      }
      this.waiting.push(errand);
      this.next();
    });
  }

  /** Fail what is under way and all that is asked from now on. */
  close(reason: SegmenterError): void {
    this.closed ??= reason;
    const left = this.waiting.splice(0);
    if (this.current) left.unshift(this.current);
    this.current = null;
    for (const errand of left) errand.fail(this.closed);
  }

  /** Take a request out of those that wait. */
  private drop(which: (errand: Errand) => boolean): Errand | undefined {
    const place = this.waiting.findIndex(which);
    return place < 0 ? undefined : this.waiting.splice(place, 1)[0];
  }

  private finish(reply: Exclude<Reply, { progress: Progress }>): void {
    const done = this.current;
    this.current = null;
    this.next(); // before anybody reacts to the answer: the worker need not wait for the page
    done?.settle(reply);
  }

  private next(): void {
    while (!this.current && this.waiting.length) {
      const errand = this.waiting.shift()!;
      try {
        this.door.postMessage(errand.message, errand.moved);
        this.current = errand;
      } catch (error) {
        errand.fail(new SegmenterError(`this can't be sent: ${toNote(error).message}`));
      }
    }
  }
}

/** The worker's end: answer each request with its handler, errors included. */
export function serve(door: Door, handlers: Handlers): void {
  door.onmessage = async ({ data }: MessageEvent<Request>) => {
    const { id, call, request } = data;
    try {
      const handler = handlers[call] as (request: unknown) => ReturnType<Handlers[CallName]>;
      const [answer, moved] = await handler(request);
      door.postMessage({ id, answer } satisfies Reply, moved ?? []);
    } catch (error) {
      door.postMessage({ id, error: toNote(error) } satisfies Reply, []);
    }
  };
}
