// What the browser keeps until the server has it: actions that wait, and drafts.

import type { Action } from "../api/types";
import type { DraftStep, DraftSteps } from "./draft";

export interface WaitingAction {
  /** Rises with time. */
  readonly key: number;
  readonly action: Action;
}

/** Writes happen in the order in which they are asked for; each is done wholly or not at all. */
export interface Shelf {
  /** Keep an action; with it ends the draft that it accepts. Gives the key. */
  putAction(imageId: number, action: Action, endsDraft: boolean): Promise<number>;
  removeActions(keys: readonly number[]): Promise<void>;
  /** Other actions in the place of all that wait for an image. */
  replaceActions(imageId: number, actions: readonly Action[]): Promise<number[]>;
  actions(imageId: number): Promise<WaitingAction[]>;
  imagesWaiting(): Promise<number[]>;
  /** Keep a step in the place of all from this number on. */
  putDraftStep(imageId: number, number: number, step: DraftStep): Promise<void>;
  moveDraft(imageId: number, at: number): Promise<void>;
  endDraft(imageId: number): Promise<void>;
  draft(imageId: number): Promise<DraftSteps>;
  close(): void;
}
