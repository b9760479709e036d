// Whether what was done is saved, and what stands in the way of it.

import type { LeaseHolder, Project } from "../api/types";
import {
  type Choices,
  type Desk,
  DocumentError,
  type ImageConflict,
  type SaveState,
} from "../document";
import type { Region } from "../../regions";
import type { DraftingNow } from "./drafting";
import { ELSEWHERE, isOwn, type OnlyShown } from "./access";
import type { Complaints } from "./complaints.svelte";

/** The work that is saved. */
export interface SavedWork {
  readonly project: Project | null;
  readonly open: { readonly image: { readonly id: number } } | null;
  readonly complaints: Complaints;
  draft: DraftingNow | null;
  onlyShown: OnlyShown | null;
}

export class Saving {
  state = $state.raw<SaveState | null>(null);
  /** What somebody has to choose about; null if nothing. */
  conflict = $state.raw<ImageConflict | null>(null);

  /** @param isThere looks for the server. */
  constructor(
    private readonly work: SavedWork,
    private readonly desk: () => Desk<Region> | null,
    private readonly isThere: () => Promise<boolean>,
  ) {}

  /** Have an eye on the desk from now on. */
  watch(desk: Desk<Region>): void {
    desk.saved.subscribe((state) => this.take(state));
    desk.conflict.subscribe((conflict) => (this.conflict = conflict));
  }

  /** Look for the server, and send what waits, at once. */
  now(): void {
    void this.isThere();
    this.desk()?.retry();
  }

  /** Take back an image that others got meanwhile. */
  async regain(imageId: number): Promise<void> {
    const isMine = this.state?.kind === "lease lost" && this.isMine(this.state.holder);
    const hold = await this.desk()!.regain(imageId, isMine);
    if (hold.kind === "another tab") throw new DocumentError("another tab has this image still");
    if (hold.kind === "taken") {
      const who = hold.holder?.annotator ?? "somebody else";
      throw new DocumentError(`${who} still has it; what you did stays kept here`);
    }
    if (this.work.open?.image.id === imageId) this.work.onlyShown = null;
  }

  async resolve(choices: Choices): Promise<void> {
    await this.desk()!.resolve(choices);
  }

  /** Give up what of an image the server refuses. */
  async giveUp(imageId: number): Promise<void> {
    await this.desk()!.discard(imageId);
  }

  /** Whether an image is held by another tab of who works here. */
  isMine(holder: LeaseHolder | null): boolean {
    return isOwn(holder, this.work.project?.annotator.name);
  }

  private take(state: SaveState): void {
    const { work } = this;
    this.state = state;
    if (state.kind === "saved") work.complaints.clearPassing();
    if (state.kind !== "lease lost" || state.imageId !== work.open?.image.id) return;
    if (!this.isMine(state.holder)) return;
    work.onlyShown = ELSEWHERE; // the other tab goes on with all
    work.draft = null;
  }
}
