// What goes on around the work: whether the server is there, and what others do meanwhile.

import type { Client } from "../api";
import type { Project } from "../api/types";
import type { Desk } from "../document";
import type { Region } from "../../regions";
import type { Catalogue } from "./catalogue";
import { AWAY, type Complaints } from "./complaints.svelte";
import { Presence } from "./presence";

const LOOK_AROUND_MS = 20_000;

/** The work that all this is around. */
export interface SurroundedWork {
  readonly client: Client;
  readonly complaints: Complaints;
  readonly isSignedOut: boolean;
  isAway: boolean;
  project: Project | null;
  notice: string;
}

export class Surroundings {
  private readonly presence: Presence;

  constructor(
    private readonly work: SurroundedWork,
    private readonly list: Catalogue,
    private readonly desk: () => Desk<Region> | null,
  ) {
    this.presence = new Presence(work.client, document);
  }

  /** Whether the server is there now. */
  isThere(): Promise<boolean> {
    return this.presence.ask();
  }

  /** Have an eye on the server from now on. */
  watch(): void {
    this.presence.watch();
    this.presence.isAway.subscribe((isAway) => this.take(isAway));
    // What another tab has sent, nothing else tells.
    this.presence.signs.subscribe(() => void this.desk()?.catchUp());
  }

  /** See what the others do, from now on. */
  watchOthers(): void {
    setInterval(() => void this.lookAround(), LOOK_AROUND_MS);
  }

  private take(isAway: boolean): void {
    const { work } = this;
    const isBack = work.isAway && !isAway;
    work.isAway = isAway;
    if (!isBack) return;
    if (!work.project) return location.reload(); // the page could not begin
    work.complaints.clearPassing();
    if (work.notice === AWAY) work.notice = "";
    this.desk()?.retry();
    void this.lookAround();
  }

  /** See what others did meanwhile. */
  async lookAround(): Promise<void> {
    const { work } = this;
    if (document.visibilityState === "hidden" || work.isSignedOut || work.isAway) return;
    try {
      const { counts, images, masks } = await work.client.project();
      if (work.project) work.project = { ...work.project, counts, images, masks };
      await this.list.refresh();
    } catch {
      // The next look will do.
    }
  }
}
