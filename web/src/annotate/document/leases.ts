// The right to change images: this tab's among the tabs of the browser, and this browser's among
// all annotators.

import type { Client } from "../api/client";
import { ApiError } from "../api/errors";
import type { LeaseHolder } from "../api/types";
import type { TabLock } from "./tab-lock";

const RENEWED_EVERY_MS = 180_000; // a lease lasts ten minutes

export type Hold =
  | { readonly kind: "held" }
  | { readonly kind: "another tab" }
  | { readonly kind: "taken"; readonly holder: LeaseHolder | null };

export interface LeasesOptions {
  readonly client: Pick<Client, "lease" | "release">;
  /** The name of who works here. */
  readonly annotator: string;
  readonly lock: TabLock;
  /** Told when an image is no longer this tab's. */
  readonly onLost: (imageId: number, holder: LeaseHolder | null) => void;
}

export class Leases {
  private readonly client: Pick<Client, "lease" | "release">;
  private readonly annotator: string;
  private readonly lock: TabLock;
  private readonly onLost: (imageId: number, holder: LeaseHolder | null) => void;
  private readonly unlocks = new Map<number, () => void>();
  private readonly tokens = new Map<number, string>();
  private readonly turns = new Map<number, Promise<unknown>>();
  private readonly timer: ReturnType<typeof setInterval>;

  constructor({ client, annotator, lock, onLost }: LeasesOptions) {
    this.client = client;
    this.annotator = annotator;
    this.lock = lock;
    this.onLost = onLost;
    this.timer = setInterval(() => void this.renew(), RENEWED_EVERY_MS);
  }

  token(imageId: number): string | null {
    return this.tokens.get(imageId) ?? null;
  }

  /**
   * Take an image. Throws ApiError, but for the lease's own kind.
   *
   * takeOver: from another tab, and from another annotator, which an admin may.
   */
  take(imageId: number, takeOver = false): Promise<Hold> {
    return this.inTurn(imageId, async () => {
      if (!(await this.lockTab(imageId, takeOver))) return { kind: "another tab" };
      try {
        const lease = await this.client.lease(imageId, this.token(imageId), takeOver);
        this.tokens.set(imageId, lease.token);
        return { kind: "held" };
      } catch (error) {
        this.forget(imageId);
        if (!(error instanceof ApiError && error.kind === "lease")) throw error;
        return { kind: "taken", holder: error.holder };
      }
    });
  }

  /** Keep other tabs from an image while the server can't be asked. False if another has it. */
  reserve(imageId: number, takeOver: boolean): Promise<boolean> {
    return this.inTurn(imageId, () => this.lockTab(imageId, takeOver));
  }

  /** Let others at it, unless it is wanted again when the turn comes. */
  letGo(imageId: number, isWanted: () => boolean = () => false): Promise<void> {
    return this.inTurn(imageId, async () => {
      const token = this.token(imageId);
      if (isWanted()) return;
      if (token) await this.client.release(imageId, token).catch(() => {}); // it expires by itself
      this.forget(imageId);
    });
  }

  /** The page ends: let others at what is saved, without waiting for an answer. */
  leave(isSaved: (imageId: number) => boolean): void {
    for (const [imageId, token] of this.tokens) {
      if (isSaved(imageId)) void this.client.release(imageId, token).catch(() => {});
    }
  }

  /** The server has given it to somebody else. */
  forget(imageId: number): void {
    this.tokens.delete(imageId);
    this.unlocks.get(imageId)?.();
    this.unlocks.delete(imageId);
  }

  close(): void {
    clearInterval(this.timer);
    for (const imageId of [...this.unlocks.keys()]) this.forget(imageId);
  }

  /** One thing after the other with each image: taking, letting go, taking again. */
  private inTurn<T>(imageId: number, work: () => Promise<T>): Promise<T> {
    const turn = (this.turns.get(imageId) ?? Promise.resolve()).then(work);
    this.turns.set(
      imageId,
      turn.catch(() => {}),
    );
    return turn;
  }

  private async lockTab(imageId: number, steal: boolean): Promise<boolean> {
    if (this.unlocks.has(imageId)) return true;
    const onStolen = () => this.lose(imageId, { annotator: this.annotator, expires_at: "" });
    const unlock = await this.lock(`image ${imageId}`, { steal, onStolen });
    if (unlock) this.unlocks.set(imageId, unlock);
    return unlock !== null;
  }

  private lose(imageId: number, holder: LeaseHolder | null): void {
    this.forget(imageId);
    this.onLost(imageId, holder);
  }

  /** A page that nobody looks at lets its leases run out. */
  private async renew(): Promise<void> {
    if (globalThis.document?.visibilityState === "hidden") return;
    for (const [imageId, token] of [...this.tokens]) {
      try {
        const renewed = await this.client.lease(imageId, token);
        if (this.token(imageId) === token) this.tokens.set(imageId, renewed.token);
      } catch (error) {
        if (error instanceof ApiError && error.kind === "lease") this.lose(imageId, error.holder);
      }
    }
  }
}
