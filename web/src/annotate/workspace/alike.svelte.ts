// What is like the selected masks, which the server looks for in the other images meanwhile.

import { ApiError, type Client } from "../api";
import type { AlikeSearch } from "../api/types";
import type { OpenImage, SaveState } from "../document";
import type { Region } from "../../regions";

const LOOK_MS = 1_500;
const SAVE_MS = 10_000; // for the masks to be on the server
const PAUSE_MS = 100;

/** The work beside which it goes on. */
export interface WorkBeside {
  readonly client: Pick<Client, "findAlike" | "alike" | "stopAlike">;
  readonly open: { readonly image: OpenImage<Region> } | null;
  readonly selection: { readonly ids: ReadonlySet<string> };
  readonly saving: { readonly state: SaveState | null; now(): void };
  notice: string;
  lookAround(): Promise<void>;
}

export class Alike {
  /** How the search stands; null where none was begun that is of interest still. */
  now = $state.raw<AlikeSearch | null>(null);
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly work: WorkBeside) {}

  /** What is told of it, in a line. */
  get words(): string {
    const { now } = this;
    if (!now) return "";
    if (now.state === "failed") return `Not looked for: ${now.note}`;
    const found = now.found === 1 ? "1 found" : `${now.found.toLocaleString()} found`;
    const looked = now.total
      ? `${now.done.toLocaleString()} of ${now.total.toLocaleString()} images`
      : "beginning…";
    return `Like ${now.sought}: ${looked}, ${found}`;
  }

  /** Look for what is like the selected masks in the other images. Throws ApiError. */
  async find(): Promise<void> {
    const { work } = this;
    const ids = [...work.selection.ids];
    if (!work.open || !ids.length) return;
    const { id } = work.open.image;
    await this.saved();
    this.take(await work.client.findAlike(id, ids));
  }

  /** Look no further. Throws ApiError. */
  async stop(): Promise<void> {
    this.take(await this.work.client.stopAlike());
  }

  /** See whether one is going on already, as after a reload. */
  async look(): Promise<void> {
    const now = await this.work.client.alike();
    if (now.state === "running") this.take(now);
  }

  /** Forget one that is over. */
  dismiss(): void {
    this.now = null;
  }

  private take(now: AlikeSearch): void {
    const before = this.now;
    this.now = now;
    clearTimeout(this.timer);
    if (now.found !== before?.found) void this.work.lookAround();
    if (now.state === "running") {
      this.timer = setTimeout(() => void this.ask(), LOOK_MS);
    } else if (now.state === "ended" && before?.state === "running") {
      this.work.notice = ended(now);
    }
  }

  private async ask(): Promise<void> {
    try {
      this.take(await this.work.client.alike());
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.timer = setTimeout(() => void this.ask(), LOOK_MS); // the server may be back then
    }
  }

  /** Wait until the server has what was drawn. */
  private async saved(): Promise<void> {
    const { saving } = this.work;
    const end = Date.now() + SAVE_MS;
    if (saving.state?.kind !== "saved") saving.now();
    while (saving.state?.kind !== "saved" && Date.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }
}

function ended({ sought, found, images, answered_by }: AlikeSearch): string {
  if (!found) return `Nothing like ${sought} was found in the other images (${answered_by}).`;
  const masks = found === 1 ? "1 mask" : `${found.toLocaleString()} masks`;
  const where = images === 1 ? "1 image" : `${images.toLocaleString()} images`;
  return `${masks} like ${sought} suggested in ${where} (${answered_by}).`;
}
