// From image to image: work on one ends, and the next is opened, to draw in or to review.

import { ApiError, type Client } from "../api";
import type { Effort, ImageState, ImageSummary, Project } from "../api/types";
import { DocumentError, type OpenImage } from "../document";
import type { Region } from "../../regions";
import { type OnlyShown, reviews } from "./access";
import type { ToolName } from "./tools";

const MOST_UNREADABLE = 100; // images in a row

/** Which image comes behind another; null at the end. */
export type Following = (id: number) => Promise<ImageSummary | null>;

/** The work that goes its rounds. */
export interface Work {
  readonly client: Pick<Client, "next">;
  readonly project: Project | null;
  readonly open: { readonly image: OpenImage<Region> } | null;
  readonly now: { readonly state: ImageState } | null;
  readonly review: { readonly open: readonly unknown[] };
  readonly clock: { take(): Effort };
  onlyShown: OnlyShown | null;
  notice: string;
  toolName: ToolName;
  acceptDraft(): void;
  choose(name: ToolName): void;
  openImage(id: number): Promise<void>;
}

export class Rounds {
  private toolBefore: ToolName | null = null; // the review

  /** @param leave lets others at an image. */
  constructor(
    private readonly work: Work,
    private readonly leave: (imageId: number) => void,
  ) {}

  /** Whether who works here accepts and returns images. */
  get reviews(): boolean {
    return reviews(this.work.project);
  }

  /** Whether the image waits for a verdict that is theirs to give. */
  get isReviewing(): boolean {
    return this.reviews && this.work.now?.state === "done" && !this.work.onlyShown;
  }

  /** The image is finished, or passed over; on to the next. */
  async finish(state: ImageState): Promise<void> {
    const { open, clock } = this.work;
    if (!open) return;
    this.work.acceptDraft(); // and no suggestion that nobody accepted
    const wasReviewing = this.isReviewing;
    open.image.setState(state, { effort: clock.take() });
    await this.next(wasReviewing);
  }

  /**
   * Open an image, or else the first behind it that can be read; false if there is none. Throws
   * DocumentError where there are some, none of which can be read.
   */
  async openFrom(
    image: Pick<ImageSummary, "id" | "name"> | null,
    following: Following,
  ): Promise<boolean> {
    const { work } = this;
    const passed: string[] = [];
    const tried = new Set<number>();
    for (let next = image; next && !tried.has(next.id); next = await following(next.id)) {
      tried.add(next.id);
      try {
        await work.openImage(next.id);
        if (passed.length) work.notice = `Passed over, as it can't be read: ${passed.join(", ")}.`;
        return true;
      } catch (error) {
        if (!isUnreadable(error) || tried.size === MOST_UNREADABLE) throw error;
        passed.push(next.name);
      }
    }
    if (!passed.length) return false;
    throw new DocumentError(`there is no further image that can be read: ${passed.join(", ")}`);
  }

  /** Open the next image to work on, or to review. */
  async next(toReview = false): Promise<void> {
    const { client, open } = this.work;
    const id = open?.image.id;
    const following = async (after: number | undefined) => {
      const next = await client.next(after, toReview);
      // The server may not have heard what the image that is open became.
      return next?.id === id ? null : next;
    };
    if (await this.openFrom(await following(id), following)) return;
    const why = toReview ? "Nothing more to review." : "That was the last image.";
    if (id === undefined) return;
    this.leave(id); // whoever goes on with it does not have to wait
    this.work.onlyShown = { why, offer: "Go on with this one", takesOver: false };
  }

  /** Accept the image under review. */
  async accept(): Promise<void> {
    if (this.isReviewing) await this.finish("accepted");
  }

  /** Give the image back to its annotator, whom a note tells why. */
  async return(): Promise<void> {
    const { now, onlyShown, review } = this.work;
    if (!this.reviews || onlyShown || !["done", "accepted"].includes(now?.state ?? "")) return;
    if (review.open.length) return this.finish("returned");
    this.work.choose("note");
    this.work.notice =
      "First click the place that is to be mended, and write what: then return it.";
  }

  /** Who looks an image through does not mean to draw. */
  chooseTool(): void {
    const { work, toolBefore } = this;
    const looks = this.isReviewing || work.onlyShown !== null;
    if (looks && work.toolName === "click") {
      [this.toolBefore, work.toolName] = ["click", "select"];
    } else if (!looks && toolBefore) {
      [this.toolBefore, work.toolName] = [null, toolBefore];
    }
  }
}

/** Whether the server says of an image that its file is none. */
function isUnreadable(error: unknown): boolean {
  return error instanceof ApiError && error.kind === "invalid";
}
