// The shelf of a browser that keeps nothing: all is well until the page ends.

import type { Action } from "../api/types";
import type { DraftStep, DraftSteps } from "./draft";
import type { Shelf, WaitingAction } from "./shelf";

const NO_STEPS: DraftSteps = { steps: [], at: 0 };

export class MemoryShelf implements Shelf {
  private readonly rows = new Map<number, { imageId: number; action: Action }>();
  private readonly drafts = new Map<number, DraftSteps>();
  private lastKey = 0;

  async putAction(imageId: number, action: Action, endsDraft: boolean): Promise<number> {
    if (endsDraft) this.drafts.delete(imageId);
    this.rows.set(++this.lastKey, { imageId, action });
    return this.lastKey;
  }

  async removeActions(keys: readonly number[]): Promise<void> {
    keys.forEach((key) => this.rows.delete(key));
  }

  async replaceActions(imageId: number, actions: readonly Action[]): Promise<number[]> {
    for (const [key, row] of this.rows) if (row.imageId === imageId) this.rows.delete(key);
    return Promise.all(actions.map((action) => this.putAction(imageId, action, false)));
  }

  async actions(imageId: number): Promise<WaitingAction[]> {
    const rows = [...this.rows].filter(([, row]) => row.imageId === imageId);
    return rows.map(([key, { action }]) => ({ key, action }));
  }

  async imagesWaiting(): Promise<number[]> {
    return [...new Set([...this.rows.values()].map(({ imageId }) => imageId))];
  }

  async putDraftStep(imageId: number, number: number, step: DraftStep): Promise<void> {
    const { steps } = this.drafts.get(imageId) ?? NO_STEPS;
    this.drafts.set(imageId, { steps: [...steps.slice(0, number), step], at: number + 1 });
  }

  async moveDraft(imageId: number, at: number): Promise<void> {
    this.drafts.set(imageId, { steps: this.drafts.get(imageId)?.steps ?? [], at });
  }

  async endDraft(imageId: number): Promise<void> {
    this.drafts.delete(imageId);
  }

  async draft(imageId: number): Promise<DraftSteps> {
    return this.drafts.get(imageId) ?? NO_STEPS;
  }

  close(): void {}
}
