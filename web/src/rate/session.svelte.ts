// A rater at work: what is shown, what was said, and what the server has of it.

import { ApiError } from "../annotate/api/errors";
import { EffortClock } from "../annotate/document/effort";
import { browserStorage } from "../annotate/document/browser-storage";
import { uuid4 } from "../annotate/document/uuid";
import type { Client, Progress, Rating, RatingDraft, Showing } from "./api/client";

export type Screen = "start" | "rate" | "rest" | "done";

const LEAST_LOOK_MS = 250; // a key that is still down must not rate the next mask
const AGAIN_MS = 3000;
const NEARLY_DONE = 10; // so few masks that nobody wants a break before them
const KEPT_PICTURES = 4;
const NAME_KEY = "anymask rater";
const PACED = 20; // of the last masks, for how long the rest takes

/** A mask with the pixels of its image. */
export interface Shown {
  readonly showing: Showing;
  readonly bitmap: ImageBitmap;
}

export class Session {
  screen = $state<Screen>("start");
  /** What stands in the field for it. */
  name = $state("");
  /** Who rates: set where the server knows the name. */
  rater = $state("");
  isBeginning = $state(false);
  about = $state.raw<Rating | null>(null);
  progress = $state.raw<Progress | null>(null);
  shown = $state.raw<Shown | null>(null);
  /** What the server would not take, or how it can't be reached. */
  trouble = $state("");
  /** The rating that was given and is not acknowledged yet. */
  given = $state<number | null>(null);
  private readonly clock = new EffortClock({ modelId: null });
  private readonly pictures = new Map<string, Promise<ImageBitmap>>();
  private readonly pace: number[] = [];
  private shownAtMs = 0;
  private wanted = 0; // counts what was asked to be shown: an earlier one may come later

  constructor(private readonly client: Client) {}

  /** Who rates is known already where the page was loaded again. */
  async open(): Promise<void> {
    this.clock.watch(document);
    this.about = await this.client.rating();
    const before = sessionStorageItem();
    this.name = before ?? (this.about.rater || (browserStorage()?.getItem(NAME_KEY) ?? ""));
    if (before) await this.begin();
  }

  /** Throws ApiError for a name that is none. */
  async begin(): Promise<void> {
    if (this.isBeginning) return;
    this.isBeginning = true;
    try {
      const progress = await this.client.progress(this.name);
      this.rater = this.name = progress.rater;
      browserStorage()?.setItem(NAME_KEY, this.rater);
      keepInTab(this.rater);
      await this.take(progress);
    } finally {
      this.isBeginning = false;
    }
  }

  /** Somebody else may rate here. */
  leave(): void {
    keepInTab(null);
    this.screen = "start";
    this.shown = null;
    void this.client.rating().then((about) => (this.about = about));
  }

  get isCorrecting(): boolean {
    return this.shown !== null && this.shown.showing.number !== this.progress?.current?.number;
  }

  /** Seconds that what is left takes at the pace of the last masks; null before there is one. */
  get secondsLeft(): number | null {
    if (this.pace.length < 5 || !this.progress) return null;
    const middle = [...this.pace].sort((a, b) => a - b)[this.pace.length >> 1];
    return middle * (this.progress.total - this.progress.done);
  }

  /** Say how good the mask is that is shown. */
  async rate(rating: number): Promise<void> {
    const { shown } = this;
    const isTooSoon = performance.now() - this.shownAtMs < LEAST_LOOK_MS;
    if (this.screen !== "rate" || !shown || this.given !== null || isTooSoon) return;
    this.given = rating;
    const { seconds } = this.clock;
    const wasCorrecting = this.isCorrecting;
    const { number } = shown.showing;
    const draft = { id: uuid4(), rater: this.rater, showing: number, rating, seconds };
    try {
      const progress = await this.sent(draft);
      if (!wasCorrecting) this.pace.push(seconds);
      if (this.pace.length > PACED) this.pace.shift();
      const { done, total } = progress;
      const isDue = done % (this.about?.break_every ?? Infinity) === 0;
      const isBreak = isDue && !wasCorrecting && total - done > NEARLY_DONE;
      await this.take(progress, isBreak);
    } catch (error) {
      this.trouble = (error as Error).message;
    } finally {
      this.given = null;
    }
  }

  /** To the mask that was rated before the one that is shown. */
  async back(): Promise<void> {
    const before = this.shown ? this.shown.showing.before : this.progress?.last;
    if (before === null || before === undefined || this.given !== null) return;
    await this.attempt(async () => this.show(await this.client.showing(this.rater, before)));
    this.screen = "rate";
  }

  /** From a mask that was rated to the one that is to be. */
  async forward(): Promise<void> {
    if (this.isCorrecting && this.progress && this.given === null) {
      await this.attempt(() => this.take(this.progress!));
    }
  }

  /** The break is over. */
  goOn(): void {
    if (this.screen !== "rest") return;
    this.screen = "rate";
    this.look();
  }

  private async take(progress: Progress, isBreak = false): Promise<void> {
    this.progress = progress;
    if (!progress.current) {
      this.screen = "done";
      this.shown = null;
      return;
    }
    await this.show(progress.current);
    this.screen = isBreak ? "rest" : "rate";
    if (progress.upcoming) void this.picture(progress.upcoming).catch(() => {});
  }

  private async show(showing: Showing): Promise<void> {
    const turn = ++this.wanted;
    const bitmap = await this.picture(showing.picture);
    if (turn !== this.wanted) return;
    this.shown = { showing, bitmap };
    this.look();
  }

  /** Someone begins to look at what is shown. */
  private look(): void {
    this.trouble = "";
    this.shownAtMs = performance.now();
    this.clock.take();
  }

  /** Until the server has it. Throws ApiError for what it will never take. */
  private async sent(draft: RatingDraft): Promise<Progress> {
    for (;;) {
      try {
        const progress = await this.client.rate(draft);
        this.trouble = "";
        return progress;
      } catch (error) {
        if (!(error instanceof ApiError && error.isPassing)) throw error;
        this.trouble = `Your rating is not saved yet: ${error.message}. It is tried again.`;
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      }
    }
  }

  private async attempt(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.trouble = (error as Error).message;
    }
  }

  private picture(path: string): Promise<ImageBitmap> {
    const kept = this.pictures.get(path) ?? this.client.picture(path);
    this.pictures.delete(path);
    this.pictures.set(path, kept); // the latest last
    kept.catch(() => this.pictures.delete(path));
    for (const [old, bitmap] of this.pictures) {
      if (this.pictures.size <= KEPT_PICTURES) break;
      this.pictures.delete(old);
      if (old !== this.shown?.showing.picture) void bitmap.then((it) => it.close());
    }
    return kept;
  }
}

function sessionStorageItem(): string | null {
  try {
    return sessionStorage.getItem(NAME_KEY);
  } catch {
    return null; // switched off
  }
}

function keepInTab(rater: string | null): void {
  try {
    if (rater === null) sessionStorage.removeItem(NAME_KEY);
    else sessionStorage.setItem(NAME_KEY, rater);
  } catch {
    return; // then the page asks again
  }
}
