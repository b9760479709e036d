// Opening: an image becomes the one that is worked on, with all that belongs to it, and ceases to be.

import type { Client } from "../api";
import type { ImageSummary, Project } from "../api/types";
import type { Desk, EffortClock, ImageNow, OpenImage } from "../document";
import type { Region } from "../../regions";
import type { PictureSource } from "../view";
import { type OnlyShown, onlyShown, recounted } from "./access";
import type { Catalogue, CatalogueNow } from "./catalogue";
import type { Complaints } from "./complaints.svelte";
import { Drafting, type DraftingNow } from "./drafting";
import type { Model } from "./model";
import { pictureOf } from "./picture";
import type { Preview } from "./preview.svelte";
import type { Review } from "./review.svelte";
import type { Selection } from "./selection.svelte";
import type { Suggestions } from "./suggestions.svelte";

/** An image that is open, with all that belongs to it. */
export interface OpenNow {
  readonly image: OpenImage<Region>;
  readonly drafting: Drafting;
  readonly size: { readonly width: number; readonly height: number };
  readonly picture: PictureSource;
}

/** The work that images are opened for. */
export interface OpeningWork {
  readonly client: Client;
  readonly model: Model;
  readonly selection: Selection;
  readonly preview: Preview;
  readonly suggestions: Suggestions;
  readonly review: Review;
  readonly rounds: { begin(): void };
  readonly catalogue: CatalogueNow;
  readonly clock: EffortClock;
  project: Project | null;
  open: OpenNow | null;
  now: ImageNow<Region> | null;
  draft: DraftingNow | null;
  onlyShown: OnlyShown | null;
  notice: string;
  nudged: boolean;
  hidden: ReadonlySet<string>;
  readonly complaints: Complaints;
  complain(error: Error): void;
}

export class Opening {
  /** Whether the file lies in the place of the one that the masks were drawn on. */
  isReplaced = $state(false);
  private turns = 0;
  private unfollow: (() => void)[] = [];

  /** @param onClose told when an image is no longer open. */
  constructor(
    private readonly work: OpeningWork,
    private readonly desk: () => Desk<Region>,
    private readonly list: Catalogue,
    private readonly onClose: () => void,
  ) {}

  /** Open an image in the place of the one that is open. Where that fails, it stays. */
  async open(id: number, takeOver = false): Promise<void> {
    const { work } = this;
    const turn = ++this.turns;
    if (work.open?.image.id === id) this.close(work.open);
    work.notice = "";
    work.model.prepare(id); // meanwhile, as the picture
    const known = work.catalogue.images.find((image) => image.id === id);
    const early = known && pictureIfSized(work.client, known);
    const { image, hold, notes, isReplaced } = await this.desk().open(id, takeOver);
    if (turn !== this.turns) {
      if (work.open?.image.id !== id) this.desk().close(id);
      return;
    }
    if (work.open) this.close(work.open);
    work.model.move();
    work.clock.modelId = work.model.id ?? work.project!.model_id;
    const { size } = image;
    if (!size) throw new Error("this image can't be read");
    const drafting = new Drafting(image, size, work.model, work.clock, (error) =>
      work.complain(error),
    );
    const isSame = early?.width === size.width && early.height === size.height;
    const picture = isSame ? early : pictureOf(work.client, id, size);
    work.open = { image, drafting, size, picture };
    work.complaints.clear();
    work.onlyShown = onlyShown(hold, image.value.state, work.project!.annotator);
    this.isReplaced = isReplaced;
    work.review.show(id, notes);
    if (image.value.state === "returned") work.review.next();
    this.unfollow = [
      image.subscribe((now) => this.take(now)),
      drafting.state.subscribe((now) => {
        if (now.answers.length && now.answers !== work.draft?.answers) work.complaints.clear();
        work.draft = image.isReadOnly ? null : now;
      }),
    ];
    history.replaceState(null, "", `#image=${id}`);
    work.rounds.begin();
    work.model.open(id, image.file).catch((error: Error) => work.complain(error));
    void this.prepareNext(id);
  }

  /** The masks are right for the file that lies there now. */
  async keepMasks(): Promise<void> {
    const { client, open } = this.work;
    if (!open) return;
    await client.keepMasks(open.image.id, open.image.file);
    this.isReplaced = false;
  }

  private close({ image, drafting }: OpenNow): void {
    const { work } = this;
    drafting.close();
    for (const stop of this.unfollow) stop();
    this.desk().close(image.id);
    work.open = work.now = work.draft = null;
    work.preview.clear();
    work.suggestions.take([], []);
    work.suggestions.clear();
    work.selection.clear();
    work.hidden = new Set();
    work.nudged = false;
    this.onClose();
  }

  /** The image is other than it was: what hangs on it follows. */
  private take(now: ImageNow<Region>): void {
    const { work } = this;
    const before = work.now?.state;
    work.now = now;
    work.suggestions.take(now.suggested, now.masks);
    work.selection.prune();
    const { open, project } = work;
    if (before && project) {
      work.project = { ...project, counts: recounted(project.counts, before, now.state) };
    }
    if (open)
      this.list.update({
        id: open.image.id,
        masks: now.masks.length,
        suggestions: now.suggested.length,
        state: now.state,
      });
  }

  private async prepareNext(id: number): Promise<void> {
    const { model } = this.work;
    await model.open(id).catch(() => null);
    const next = await this.list.neighbour(id, 1).catch(() => null);
    if (next && this.work.open?.image.id === id) model.prepare(next.id);
  }
}

/** The picture of an image that somebody looked into before. */
function pictureIfSized(client: Client, { id, width, height }: ImageSummary): PictureSource | null {
  return width && height ? pictureOf(client, id, { width, height }) : null;
}
