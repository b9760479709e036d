// The label of the next mask, also after a reload of the tab; kept for the next images or not.

import type { Label, Project } from "../api/types";

const KEY = "anymask.label";

/** Keys that choose a label, in the order that new labels get them. */
export const LABEL_KEYS: readonly string[] = [..."123456789"];

export class NextLabel {
  /** null for none. */
  id = $state<number | null>(null);
  /** Whether the next images begin with it, too. */
  keeps = $state(false);
  private projectId = "";

  /** @param storage of the tab; null where the browser has none. */
  constructor(private readonly storage: Storage | null) {}

  choose(id: number | null, keeps: boolean): void {
    [this.id, this.keeps] = [id, keeps && id !== null];
    try {
      this.storage?.setItem(KEY, JSON.stringify({ of: this.projectId, id, keeps: this.keeps }));
    } catch {
      // A full storage: it holds until the page ends.
    }
  }

  /** Go on with what the page before in this tab had, if that is a label of the project. */
  restore({ id: projectId, labels }: Pick<Project, "id" | "labels">): void {
    this.projectId = projectId;
    try {
      const { of, id, keeps } = JSON.parse(this.storage?.getItem(KEY) ?? "{}");
      if (of !== projectId || !labels.some((label: Label) => label.id === id)) return;
      [this.id, this.keeps] = [id, keeps === true];
    } catch {
      // What is not understood is none.
    }
  }
}
