// Whether the server is there: asked every few seconds while the page is seen, and at once when a
// request had no answer.

import type { Client } from "../api";
import { Observable, type Readable } from "../observable";

const EVERY_MS = 5_000;
const AWAY_EVERY_MS = 2_000;

export type PresenceClient = Pick<Client, "isThere" | "offlineSince">;

export class Presence {
  private readonly silent = new Observable(false);
  private readonly beats = new Observable(0);
  private asking: Promise<boolean> | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly client: PresenceClient,
    private readonly page: Pick<Document, "visibilityState" | "addEventListener">,
  ) {}

  /** Whether the server does not answer. */
  get isAway(): Readable<boolean> {
    return this.silent;
  }

  /** Counts the times that the server answered. */
  get signs(): Readable<number> {
    return this.beats;
  }

  /** Ask from now on. */
  watch(): void {
    this.page.addEventListener("visibilitychange", () => void this.ask());
    this.client.offlineSince.subscribe(() => void this.ask());
  }

  /** Whether the server is there now. A page out of sight does not ask. */
  ask(): Promise<boolean> {
    clearTimeout(this.timer);
    if (this.page.visibilityState === "hidden") return Promise.resolve(!this.silent.value);
    this.asking ??= this.look().finally(() => (this.asking = null));
    return this.asking;
  }

  private async look(): Promise<boolean> {
    const isThere = await this.client.isThere();
    this.timer = setTimeout(() => void this.ask(), isThere ? EVERY_MS : AWAY_EVERY_MS);
    if (this.silent.value === isThere) this.silent.set(!isThere);
    if (isThere) this.beats.set(this.beats.value + 1);
    return isThere;
  }
}
