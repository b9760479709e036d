// What is said about the open image: notes pinned to its places, asked, answered and resolved.

import type { Client } from "../api";
import type { Note } from "../api/types";
import { uuid4 } from "../document";
import type { Place } from "../../regions";
import { type Pin, pinsOf } from "./pins";

export class Review {
  private imageId = 0;
  private notes = $state.raw<readonly Note[]>([]);
  readonly pins: readonly Pin[] = $derived(pinsOf(this.notes));
  /** Where a new note is written; null: nowhere. */
  writing = $state.raw<Place | null>(null);
  /** The number of the pin that is spoken of. */
  pointed = $state<number | null>(null);

  constructor(private readonly client: Pick<Client, "addNote" | "changeNote">) {}

  get open(): readonly Pin[] {
    return this.pins.filter(({ isResolved }) => !isResolved);
  }

  /** Another image, with what was said about it. */
  show(imageId: number, notes: readonly Note[]): void {
    [this.imageId, this.notes] = [imageId, notes];
    this.writing = this.pointed = null;
  }

  /** Say something about a place; what was said there before is open again. Throws ApiError. */
  async say(text: string, place: Place): Promise<void> {
    const { imageId } = this;
    const [x, y] = place;
    const note = await this.client.addNote(imageId, { id: uuid4(), x, y, text: text.trim() });
    if (imageId !== this.imageId) return;
    this.notes = [...this.notes, note];
    if (this.writing === place) this.writing = null;
  }

  /** Note that a pin was seen to, or that it was not. Throws ApiError. */
  async resolve({ notes }: Pin, isResolved: boolean): Promise<void> {
    for (const { id, is_resolved } of notes) {
      if (is_resolved === isResolved) continue;
      const changed = await this.client.changeNote(id, { is_resolved: isResolved });
      this.notes = this.notes.map((note) => (note.id === id ? changed : note));
    }
    if (isResolved) this.pointed = null;
  }

  /** Go to the next open pin. Gives its place; null if there is none. */
  next(): Place | null {
    const { open, pointed } = this;
    const pin = open.find(({ number }) => number > (pointed ?? 0)) ?? open[0];
    this.pointed = pin?.number ?? null;
    return pin?.place ?? null;
  }
}
