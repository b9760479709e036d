// What goes on around the work: whether the server is there, and what others do meanwhile.

import type { Client } from "../api";
import type { Label, Project } from "../api/types";
import type { Desk, OpenImage } from "../document";
import type { Region } from "../../regions";
import type { Catalogue } from "./catalogue";
import { AWAY, type Complaints } from "./complaints.svelte";
import type { Model } from "./model";
import { Presence } from "./presence";

const LOOK_AROUND_MS = 20_000;
const LOOK_FOR_MODEL_MS = 5_000; // as the server does

/** The work that all this is around. */
export interface SurroundedWork {
  readonly client: Client;
  readonly complaints: Complaints;
  readonly isSignedOut: boolean;
  isAway: boolean;
  project: Project | null;
  notice: string;
  readonly open: { readonly image: OpenImage<Region> } | null;
  readonly model: Pick<Model, "open" | "look" | "isBroken">;
  attempt(action: () => unknown): void;
  setLabels(labels: readonly Label[]): void;
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

  /** Have an eye on which model the server has, from now on. */
  watchModel(): void {
    setInterval(() => {
      if (!this.work.isAway) this.work.model.look().catch(() => {}); // the next look will do
    }, LOOK_FOR_MODEL_MS);
  }

  /** See what the others do, from now on. */
  watchOthers(): void {
    setInterval(() => void this.lookAround(), LOOK_AROUND_MS);
  }

  /** The project and its list may be others than the page knows: show them as they are now. */
  async reread(): Promise<void> {
    const { work, list } = this;
    const project = await work.client.project();
    const isSame =
      project.id === work.project?.id && project.annotator.id === work.project.annotator.id;
    if (!isSame) return location.reload();
    work.project = project;
    work.setLabels(project.labels);
    await list.filter(list.now.value.state, list.now.value.text);
  }

  private take(isAway: boolean): void {
    const { work } = this;
    const isBack = work.isAway && !isAway;
    work.isAway = isAway;
    if (!isBack) return;
    // The page could not begin; what was done is kept.
    if (!work.project || !work.open || work.model.isBroken) return location.reload();
    work.complaints.clearPassing();
    if (work.notice === AWAY) work.notice = "";
    this.desk()?.goOn();
    work.attempt(() => this.reread());
    void work.model.open(work.open.image.id).catch(() => {}); // who clicks is told
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
