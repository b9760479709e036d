// Where one works: images are opened and closed here, and what stands in the way of saving is
// settled.

import type { Client } from "../api/client";
import { ApiError } from "../api/errors";
import type { Action, ImageDocument, LeaseHolder, Note, Project } from "../api/types";
import { Observable, type Readable } from "../observable";
import { type Choices, rebase } from "./conflict";
import { disputed, type ImageConflict } from "./disputed";
import { Draft } from "./draft";
import { IndexedShelf } from "./indexed-shelf";
import type { LastSeen, SeenImage } from "./last-seen";
import { type Hold, Leases } from "./leases";
import type { Masks } from "./log";
import { MemoryShelf } from "./memory-shelf";
import { type ActionSink, OpenImage } from "./open-image";
import { Outbox } from "./outbox";
import type { SaveState } from "./save-state";
import type { Shelf } from "./shelf";
import { noLock, type TabLock, webLock } from "./tab-lock";
import { type RegionCodec, type RegionFacts, Versions } from "./versions";

const LOOK_AGAIN_MS = 5_000;
const SETTLED_AT_MOST = 3;

export type DeskClient = Pick<Client, "act" | "image" | "lease" | "release" | "versions">;

export interface DeskOptions<R extends RegionFacts> {
  readonly client: DeskClient;
  readonly codec: RegionCodec<R>;
  /** The name of who works. */
  readonly annotator: string;
  /** null where the browser keeps nothing. */
  readonly shelf: Shelf | null;
  readonly lock: TabLock;
  /** What is shown while the server is away; null for nothing. */
  readonly seen?: LastSeen | null;
}

export interface Opened<R extends RegionFacts> {
  readonly image: OpenImage<R>;
  /** Unless held, the image is only shown. */
  readonly hold: Hold;
  /** As they were when it was opened. */
  readonly notes: readonly Note[];
  /** Whether its file lies in the place of the one that its masks were drawn on. */
  readonly isReplaced: boolean;
}

export class Desk<R extends RegionFacts> implements ActionSink {
  private readonly client: DeskClient;
  private readonly codec: RegionCodec<R>;
  private readonly annotator: string;
  private readonly shelf: Shelf;
  private readonly seen: LastSeen | null;
  private readonly leases: Leases;
  private readonly outbox: Outbox;
  private readonly images = new Map<number, OpenImage<R>>();
  private readonly opening = new Set<number>();
  private readonly unheld = new Set<number>(); // opened while the server was away, without a lease
  private readonly disputed = new Observable<ImageConflict | null>(null);
  private theirs: ImageDocument | null = null; // what the conflict is with
  private isLooking = false;
  private settled = 0; // conflicts in a row that were about no mask

  constructor({ client, codec, annotator, shelf, lock, seen = null }: DeskOptions<R>) {
    this.client = client;
    this.codec = codec;
    this.annotator = annotator;
    this.shelf = shelf ?? new MemoryShelf();
    this.seen = seen;
    const onLost = (imageId: number, holder: LeaseHolder | null) =>
      this.outbox.block(imageId, { kind: "lease lost", imageId, holder });
    this.leases = new Leases({ client, annotator, lock, onLost });
    const tokenOf = (imageId: number) => this.leases.token(imageId);
    this.outbox = new Outbox({ client, shelf: this.shelf, tokenOf, keeps: shelf !== null });
    this.outbox.state.subscribe((state) => this.watch(state));
  }

  /** In a browser, with what it has. */
  static async start<R extends RegionFacts>(
    client: DeskClient,
    codec: RegionCodec<R>,
    project: Pick<Project, "id" | "annotator">,
    seen: LastSeen | null = null,
  ): Promise<Desk<R>> {
    // Of another folder at the same address, or of another person here, nothing is to be sent.
    const name = `anymask ${project.id} ${project.annotator.id}`;
    const shelf = await IndexedShelf.open(name).catch(() => null);
    // Their types say that there are always locks; plain http hosts have none.
    const locks = navigator.locks as LockManager | undefined;
    const lock = locks ? webLock(locks, name) : noLock;
    const desk = new Desk({ client, codec, annotator: project.annotator.name, shelf, lock, seen });
    addEventListener("online", () => desk.goOn());
    addEventListener("pagehide", () => desk.leave());
    addEventListener("pageshow", ({ persisted }) => {
      if (persisted) location.reload(); // what it held, others may have had meanwhile
    });
    desk.goOn();
    return desk;
  }

  /** Whether all is safe: the banner. */
  get saved(): Readable<SaveState> {
    return this.outbox.state;
  }

  /** What `resolve` waits for; null if nothing. */
  get conflict(): Readable<ImageConflict | null> {
    return this.disputed;
  }

  /** Open an image with all that was done to it, here and elsewhere. Throws ApiError. */
  async open(imageId: number, takeOver = false): Promise<Opened<R>> {
    this.opening.add(imageId);
    try {
      return await this.take(imageId, takeOver);
    } catch (error) {
      void this.letGoWhenSaved(imageId); // a lease that was taken is of no use
      throw error;
    } finally {
      this.opening.delete(imageId);
    }
  }

  /** Leave an image to others as soon as all of it is saved. */
  close(imageId: number): void {
    this.images.delete(imageId);
    void this.letGoWhenSaved(imageId);
  }

  /** Send what an earlier page kept and could not send. */
  async sendLeftovers(): Promise<void> {
    for (const imageId of await this.shelf.imagesWaiting()) {
      if (this.images.has(imageId)) continue;
      const hold = await this.leases.take(imageId).catch(() => null);
      // Another tab sends its own; without the server, the image's next opening will do.
      if (!hold || hold.kind === "another tab") continue;
      await this.outbox.load(imageId);
      if (hold.kind === "taken") {
        this.outbox.block(imageId, { kind: "lease lost", imageId, holder: hold.holder });
      }
      void this.letGoWhenSaved(imageId);
    }
  }

  /** The server may be there again: send all that waits, at once. */
  goOn(): void {
    this.retry();
    void this.sendLeftovers().catch(() => {}); // the shelf may be gone
  }

  /**
   * The server is there: take the images that were opened without it, and forget what another tab
   * has sent, which took an image over with all that waited.
   */
  async catchUp(): Promise<void> {
    for (const imageId of [...this.unheld]) await this.hold(imageId).catch(() => {});
    for (const imageId of await this.outbox.recheck()) {
      if (!this.images.has(imageId)) this.outbox.block(imageId, null);
    }
  }

  /** Take an action of an image that is open. */
  put(imageId: number, action: Action, endsDraft: boolean): void {
    void this.seen?.keepAction(imageId, action);
    this.outbox.put(imageId, action, endsDraft);
  }

  /** Try to send at once. */
  retry(): void {
    this.outbox.retry();
  }

  // --- what stands in the way

  /** Take an image back whose lease was lost, see what others did to it, and go on sending. */
  async regain(imageId: number, takeOver = false): Promise<Hold> {
    const hold = await this.leases.take(imageId, takeOver);
    if (hold.kind === "held") {
      const document = await this.client.image(imageId);
      this.reload(document, this.outbox.waiting(imageId));
      this.outbox.resume(imageId);
    }
    return hold;
  }

  /** Settle the conflict. A mask without a choice goes on as mine. */
  async resolve(choices: Choices): Promise<void> {
    const { theirs } = this;
    if (!theirs) return;
    this.endConflict(theirs.id);
    const waiting = unheard(theirs, this.outbox.waiting(theirs.id));
    const actions = rebase(masksOf(theirs), waiting, choices);
    this.reload(theirs, actions);
    await this.outbox.replace(theirs.id, actions);
  }

  /** Give up what of an image was not saved: what stays is what the server has. */
  async discard(imageId: number): Promise<void> {
    const document = await this.client.image(imageId);
    this.endConflict(imageId);
    this.reload(document, []);
    await this.outbox.replace(imageId, []);
  }

  /** The page is left: others may go on with what is saved. */
  leave(): void {
    this.leases.leave((imageId) => !this.outbox.waiting(imageId).length);
  }

  /** The end of the page. */
  dispose(): void {
    this.outbox.close();
    this.leases.close();
    this.shelf.close();
  }

  private async take(imageId: number, takeOver: boolean): Promise<Opened<R>> {
    try {
      return await this.takeFromServer(imageId, takeOver);
    } catch (error) {
      const seen = isOffline(error) ? await this.seen?.image(imageId) : null;
      if (!seen) throw error;
      return this.takeUnheld(seen, takeOver);
    }
  }

  private async takeFromServer(imageId: number, takeOver: boolean): Promise<Opened<R>> {
    const hold = await this.leases.take(imageId, takeOver);
    const isHeld = hold.kind === "held";
    if (isHeld) {
      await this.outbox.load(imageId).catch(() => {}); // a shelf that can't be read has nothing
      this.outbox.resume(imageId);
    }
    const waiting = this.outbox.waiting(imageId); // before asking: what is sent meanwhile is in both
    const document = await this.client.image(imageId);
    this.unheld.delete(imageId);
    if (isHeld) void this.seen?.keepImage(document, waiting);
    return this.opened(document, waiting, hold);
  }

  /** An image as it was seen last. Its lease is asked for when the server is back. */
  private async takeUnheld(seen: SeenImage, takeOver: boolean): Promise<Opened<R>> {
    const { document, actions } = seen;
    const { id } = document;
    const isOwn = await this.leases.reserve(id, takeOver);
    if (isOwn) {
      this.unheld.add(id);
      this.outbox.block(id, { kind: "no lease", since: new Date() });
      await this.outbox.load(id).catch(() => {});
    }
    const done = new Set(actions.map((action) => action.id));
    const others = this.outbox.waiting(id).filter((action) => !done.has(action.id));
    const hold: Hold = { kind: isOwn ? "held" : "another tab" };
    return this.opened(document, [...actions, ...others], hold);
  }

  private async opened(
    document: ImageDocument,
    actions: readonly Action[],
    hold: Hold,
  ): Promise<Opened<R>> {
    const { id: imageId } = document;
    const isHeld = hold.kind === "held";
    const shelf = isHeld ? this.shelf : new MemoryShelf(); // the draft is whose the image is
    const kept = await shelf.draft(imageId).catch(() => ({ steps: [], at: 0 }));
    const fetchVersions = (ids: readonly string[]) => this.client.versions(imageId, ids);
    const image = new OpenImage(document, actions, {
      annotator: this.annotator,
      versions: new Versions(this.codec, fetchVersions),
      draft: new Draft(imageId, shelf, kept),
      sink: isHeld ? this : null,
    });
    this.images.set(imageId, image);
    return { image, hold, notes: document.notes, isReplaced: document.is_replaced };
  }

  /** Take an image that was opened while the server was away. */
  private async hold(imageId: number): Promise<void> {
    if (!this.images.has(imageId) && !this.outbox.waiting(imageId).length) {
      this.unheld.delete(imageId);
      return;
    }
    const hold = await this.regain(imageId);
    this.unheld.delete(imageId);
    if (hold.kind === "held") return;
    const holder = hold.kind === "taken" ? hold.holder : null;
    this.outbox.block(imageId, { kind: "lease lost", imageId, holder });
  }

  /** Show an image as the server has it, and what goes on from there. */
  private reload(document: ImageDocument, actions: readonly Action[]): void {
    this.images.get(document.id)?.load(document, actions);
    void this.seen?.keepImage(document, actions);
  }

  private async letGoWhenSaved(imageId: number): Promise<void> {
    await this.outbox.drained(imageId);
    await this.leases.letGo(imageId, () => this.images.has(imageId) || this.opening.has(imageId));
  }

  private endConflict(imageId: number): void {
    if (this.theirs?.id !== imageId) return;
    this.theirs = null;
    this.disputed.set(null);
  }

  private watch(state: SaveState): void {
    if (state.kind === "saved") this.settled = 0;
    if (state.kind === "lease lost" && state.holder?.annotator === this.annotator) {
      this.images.get(state.imageId)?.release();
    }
    if (state.kind === "conflict" && !this.theirs && !this.isLooking) void this.look(state.imageId);
  }

  /** See what the conflict is about: it may be about nothing that needs a person. */
  private async look(imageId: number): Promise<void> {
    this.isLooking = true;
    const document = await this.client.image(imageId).catch(() => null);
    this.isLooking = false;
    if (!document) {
      setTimeout(() => this.watch(this.saved.value), LOOK_AGAIN_MS);
      return;
    }
    this.theirs = document;
    const conflict = disputed(document, unheard(document, this.outbox.waiting(imageId)));
    if (conflict.masks.length) this.disputed.set(conflict);
    else if (this.settled++ < SETTLED_AT_MOST) await this.resolve(new Map());
    else {
      this.endConflict(imageId);
      const reason = "the server does not take these steps, and no mask shows why";
      this.outbox.block(imageId, { kind: "refused", imageId, reason });
    }
  }
}

function isOffline(error: unknown): boolean {
  return error instanceof ApiError && error.kind === "offline";
}

function masksOf({ masks }: ImageDocument): Masks {
  return new Map(masks.map(({ id, version }) => [id, version]));
}

/** The actions that the server does not have: the answer about others may have been lost. */
function unheard({ log }: ImageDocument, waiting: readonly Action[]): Action[] {
  const heard = new Set(log.map(({ id }) => id));
  return waiting.filter(({ id }) => !heard.has(id));
}
