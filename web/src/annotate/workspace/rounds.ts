// From image to image: work on one ends, and the next is opened, to draw in or to review.

import { ApiError, type Client } from "../api";
import type { Effort, ImageState, ImageSummary, Project } from "../api/types";
import type { OpenImage, SettingValues } from "../document";
import type { Region } from "../../regions";
import { type OnlyShown, reviews } from "./access";
import type { DraftingNow } from "./drafting";
import type { NextLabel } from "./next-label.svelte";
import type { Question } from "./question";
import { strayMark } from "./stray-mark";
import type { ToolName } from "./tools";

const MOST_UNREADABLE = 100; // images in a row
const MOST_NAMED = 4;
/** With which nothing is painted by surprise. */
const FIRST_TOOLS: ReadonlySet<ToolName> = new Set(["click", "select", "pan", "note"]);

/** Which image comes behind another; null at the end. */
export type Following = (id: number) => Promise<ImageSummary | null>;

/** What may be opened. */
export type Candidate = Pick<ImageSummary, "id" | "name"> & { readonly state?: ImageState };

export interface Opening {
  readonly isOpen: boolean;
  /** Names of images that can't be read. */
  readonly passed: readonly string[];
}

/** The work that goes its rounds. */
export interface Work {
  readonly client: Pick<Client, "next">;
  readonly project: Project | null;
  readonly open: { readonly image: OpenImage<Region> } | null;
  readonly now: { readonly state: ImageState } | null;
  readonly draft: DraftingNow | null;
  readonly settings: Pick<SettingValues, "brushDiameter" | "smallestArea">;
  readonly review: { readonly open: readonly unknown[] };
  readonly clock: { take(): Effort };
  onlyShown: OnlyShown | null;
  notice: string;
  question: Question | null;
  toolName: ToolName;
  readonly keepsTool: boolean;
  readonly nextLabel: NextLabel;
  acceptDraft(): void;
  discard(): void;
  choose(name: ToolName): void;
  openImage(id: number): Promise<void>;
  readonly catalogue: { readonly images: readonly ImageSummary[] };
  noteFault(id: number, fault: string): void;
  lookAround(): Promise<void>;
  attempt(action: () => unknown): void;
}

export class Rounds {
  private toolBefore: ToolName | null = null; // the review
  private begun: number | null = null; // the image that was opened last
  private refused: ApiError | null = null; // why one was not

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

  /** The image is finished, or passed over; on to the next. What may be a slip is asked about. */
  async finish(state: ImageState): Promise<void> {
    const { work } = this;
    const stray = work.draft && strayMark(work.draft, work.settings);
    if (!stray) return this.end(state);
    const end = () => work.attempt(() => this.end(state));
    const answers = [
      { label: stray.drop, do: () => (work.discard(), end()) },
      ...(stray.keep ? [{ label: stray.keep, do: end }] : []),
    ];
    work.question = { title: "A mask is in work", text: stray.text, answers };
  }

  private async end(state: ImageState): Promise<void> {
    const { open, clock } = this.work;
    if (!open) return;
    this.work.acceptDraft(); // and no suggestion that nobody accepted
    const wasReviewing = this.isReviewing;
    open.image.setState(state, { effort: clock.take() });
    await this.next(wasReviewing);
  }

  /**
   * Open an image, or else the first behind it that can be read.
   * @returns whether there was one, and the names of those that can't be read.
   */
  async openFrom(image: Candidate | null, following: Following): Promise<Opening> {
    const { work } = this;
    const passed: string[] = [];
    const tried = new Set<number>();
    for (let next = image; next && !tried.has(next.id); next = await following(next.id)) {
      tried.add(next.id);
      if (next.state !== "unreadable" && (await this.reads(next.id))) {
        if (passed.length) work.notice = `Passed over, as it can't be read: ${named(passed)}.`;
        return { isOpen: true, passed };
      }
      passed.push(next.name);
      if (tried.size === MOST_UNREADABLE) break;
    }
    return { isOpen: false, passed };
  }

  /** Open the first image, or say that none can be read. */
  async start(image: Candidate | null): Promise<void> {
    const { isOpen, passed } = await this.openFrom(image, (id) => this.work.client.next(id));
    if (isOpen || !passed.length) return;
    this.work.notice = `There is no image to work on that can be read: ${named(passed)}.`;
  }

  /** Open an image that is asked for by itself. Throws ApiError. */
  async open(id: number): Promise<void> {
    const { work } = this;
    const known = work.catalogue.images.find((image) => image.id === id);
    if (!(await this.reads(id))) throw this.refused!;
    if (known?.state === "unreadable") void work.lookAround(); // it is another file now
  }

  /** Open an image by its place in the list, or say why that can't be. */
  async step(following: Following): Promise<void> {
    const { open } = this.work;
    if (!open) return;
    const { isOpen, passed } = await this.openFrom(await following(open.image.id), following);
    if (isOpen || !passed.length) return;
    this.work.notice = `No image there can be read: ${named(passed)}.`;
  }

  /** Whether an image is open now; false if its file can't be read. */
  private async reads(id: number): Promise<boolean> {
    try {
      await this.work.openImage(id);
      return true;
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      this.work.noteFault(id, error.message);
      this.refused = error;
      return false;
    }
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
    const { isOpen, passed } = await this.openFrom(await following(id), following);
    if (isOpen || id === undefined) return;
    const end = toReview ? "Nothing more to review." : "That was the last image.";
    const unreadable = this.work.project?.counts.unreadable ?? 0;
    const rest = passed.length ? named(passed) : unreadable && unreadable.toLocaleString();
    const why = rest ? `${end} What can't be read is left: ${rest}.` : end;
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

  /**
   * An image is open: what the one before was done with does not go on by surprise, unless it is
   * kept; and who looks an image through does not mean to draw.
   */
  begin(): void {
    const { work } = this;
    const id = work.open?.image.id ?? null;
    if (this.begun !== null && this.begun !== id) this.letGo();
    this.begun = id;
    const { toolBefore } = this;
    const looks = this.isReviewing || work.onlyShown !== null;
    if (looks && work.toolName === "click") {
      [this.toolBefore, work.toolName] = ["click", "select"];
    } else if (!looks && toolBefore) {
      [this.toolBefore, work.toolName] = [null, toolBefore];
    }
  }

  private letGo(): void {
    const { work } = this;
    const ended: string[] = [];
    if (!work.keepsTool && !FIRST_TOOLS.has(work.toolName)) {
      ended.push("tool");
      work.toolName = "click";
    }
    const { nextLabel } = work;
    if (!nextLabel.keeps && nextLabel.id !== null) {
      ended.push("label");
      nextLabel.choose(null, false);
    }
    if (!ended.length) return;
    const [tool, label] = ["The click tool again", "no label is chosen"];
    const now = ended.length === 2 ? `${tool}, and ${label}` : ended[0] === "tool" ? tool : label;
    work.notice = `${now[0].toUpperCase()}${now.slice(1)}. Keep holds on to a ${ended.join(" or ")} for the next images.`;
  }
}

/** The first of some names, and how many more there are. */
function named(names: readonly string[]): string {
  const more = names.length - MOST_NAMED;
  const shown = names.slice(0, MOST_NAMED).join(", ");
  return more > 0 ? `${shown} and ${more.toLocaleString()} more` : shown;
}

/** Whether the server says of an image that its file is none. */
function isUnreadable(error: unknown): error is ApiError {
  return error instanceof ApiError && error.kind === "invalid";
}
