// Actions on their way to the server: kept in the browser first, sent in order, gone from here when
// they are acknowledged. Sending one twice does nothing twice, so that what is in doubt is sent.

import type { Client } from "../api/client";
import { ApiError } from "../api/errors";
import type { Action } from "../api/types";
import { Observable, type Readable } from "../observable";
import type { ActionSink } from "./open-image";
import type { Block, SaveState } from "./save-state";
import type { Shelf } from "./shelf";

const ACTIONS_AT_ONCE = 50;
const CHANGES_AT_ONCE = 2_000;
const LETTERS_AT_ONCE = 1_000_000; // of their segmentations
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 10_000;

interface Entry {
  readonly action: Action;
  /** On the shelf, once it is there; null if the browser could not keep it. */
  readonly key: Promise<number | null>;
}

/** Why an image's actions are not sent while the server is away: its lease could not be asked for. */
export interface NoLease {
  readonly kind: "no lease";
  readonly since: Date;
}

interface Queue {
  entries: Entry[];
  block: Block | NoLease | null;
  /** How many of the first go one by one, to find which of them is refused. */
  alone: number;
}

export interface OutboxOptions {
  readonly client: Pick<Client, "act">;
  readonly shelf: Shelf;
  /** The lease under which an image is worked on. */
  readonly tokenOf: (imageId: number) => string | null;
  /** false where the shelf itself does not outlive the page. */
  readonly keeps?: boolean;
}

export class Outbox implements ActionSink {
  private readonly client: Pick<Client, "act">;
  private readonly shelf: Shelf;
  private readonly tokenOf: (imageId: number) => string | null;
  private readonly keeps: boolean;
  private readonly queues = new Map<number, Queue>();
  private readonly news: Observable<SaveState>;
  private unkept = new Set<Entry>();
  private offline: { since: Date; reason: string; isAnswered: boolean } | null = null;
  private failures = 0;
  private isSending = false;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private isClosed = false;

  constructor({ client, shelf, tokenOf, keeps = true }: OutboxOptions) {
    this.client = client;
    this.shelf = shelf;
    this.tokenOf = tokenOf;
    this.keeps = keeps;
    this.news = new Observable(this.read());
  }

  get state(): Readable<SaveState> {
    return this.news;
  }

  /** Take what the browser kept of an image; it goes before what is put from now on. */
  async load(imageId: number): Promise<void> {
    const kept = await this.shelf.actions(imageId);
    const queue = this.queue(imageId);
    const here = new Set(queue.entries.map(({ action }) => action.id));
    const others = kept.filter(({ action }) => !here.has(action.id));
    const entries = others.map(({ key, action }) => ({ action, key: Promise.resolve(key) }));
    queue.entries.unshift(...entries);
    this.tell();
    void this.send();
  }

  put(imageId: number, action: Action, endsDraft = false): void {
    const key = this.shelf.putAction(imageId, action, endsDraft);
    this.queue(imageId).entries.push(this.entry(action, key));
    this.tell();
    void this.send();
  }

  /** The actions of an image that the server may not have. */
  waiting(imageId: number): readonly Action[] {
    return this.queues.get(imageId)?.entries.map(({ action }) => action) ?? [];
  }

  blockOf(imageId: number): Block | NoLease | null {
    return this.queues.get(imageId)?.block ?? null;
  }

  /** Send other actions in the place of all that wait: after a conflict, or none at all. */
  async replace(imageId: number, actions: readonly Action[]): Promise<void> {
    const queue = this.queue(imageId);
    for (const entry of queue.entries) this.unkept.delete(entry);
    const keys = this.shelf.replaceActions(imageId, actions);
    queue.entries = actions.map((action, i) =>
      this.entry(
        action,
        keys.then((all) => all[i]),
      ),
    );
    this.resume(imageId);
    await keys.catch(() => {}); // what is not kept shows in the state
  }

  /** Go on with an image that something stood in the way of. */
  resume(imageId: number): void {
    this.block(imageId, null);
    this.retry();
  }

  /**
   * Look whether actions of images that were lost still wait: what another tab has sent is no longer
   * on the shelf. Gives the images of which nothing waits any more.
   */
  async recheck(): Promise<number[]> {
    const lost = [...this.queues].filter(([, { block }]) => block?.kind === "lease lost");
    for (const [imageId, queue] of lost) {
      const before = [...queue.entries];
      if (!before.length) continue;
      const keys = await Promise.all(before.map(({ key }) => key));
      const kept = await this.shelf.actions(imageId).catch(() => null);
      if (!kept) continue;
      const waiting = new Set(kept.map(({ action }) => action.id));
      const isSent = (entry: Entry, i: number) => keys[i] !== null && !waiting.has(entry.action.id);
      const sent = new Set(before.filter(isSent));
      queue.entries = queue.entries.filter((entry) => !sent.has(entry));
    }
    this.tell();
    return lost.filter(([, { entries }]) => !entries.length).map(([imageId]) => imageId);
  }

  /** Do not wait for the next try. */
  retry(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    void this.send();
  }

  /** Done when nothing of an image waits, whenever that is. */
  drained(imageId: number): Promise<void> {
    return new Promise((resolve) => {
      const stop = this.news.subscribe(() => {
        if (this.waiting(imageId).length) return;
        resolve();
        queueMicrotask(() => stop());
      });
    });
  }

  /** Stop sending an image's actions, or go on with null. */
  block(imageId: number, block: Block | NoLease | null): void {
    this.queue(imageId).block = block;
    this.tell();
  }

  close(): void {
    this.isClosed = true;
    clearTimeout(this.timer);
  }

  // --- sending

  private async send(): Promise<void> {
    if (this.isSending || this.timer !== undefined || this.isClosed) return;
    this.isSending = true;
    try {
      for (let next = this.next(); next && !this.isClosed; next = this.next()) {
        if (!(await this.sendSome(...next))) return this.later();
      }
    } finally {
      this.isSending = false;
    }
  }

  private next(): [number, Queue] | undefined {
    return [...this.queues].find(([, queue]) => queue.entries.length && !queue.block);
  }

  /** Send the first actions of an image. False if it is to be tried again later. */
  private async sendSome(imageId: number, queue: Queue): Promise<boolean> {
    const batch = first(queue);
    await Promise.all(batch.map(({ key }) => key));
    const token = this.tokenOf(imageId);
    if (token === null) {
      this.block(imageId, { kind: "lease lost", imageId, holder: null });
      return true;
    }
    try {
      const actions = batch.map(({ action }) => action);
      await this.client.act(imageId, token, actions);
    } catch (error) {
      return this.fail(imageId, queue, batch.length, error);
    }
    this.failures = 0;
    this.offline = null;
    queue.alone = Math.max(queue.alone - batch.length, 0);
    queue.entries = queue.entries.filter((entry) => !batch.includes(entry));
    await this.forget(batch);
    this.tell();
    return true;
  }

  private fail(imageId: number, queue: Queue, size: number, error: unknown): boolean {
    if (!(error instanceof ApiError)) throw error;
    if (error.isPassing) {
      const since = this.offline?.since ?? new Date();
      const isAnswered = error.kind !== "offline";
      this.offline = { since, reason: error.message, isAnswered };
      this.tell();
      return false;
    }
    if (error.kind === "conflict") this.block(imageId, { kind: "conflict", imageId });
    else if (error.kind === "lease") {
      this.block(imageId, { kind: "lease lost", imageId, holder: error.holder });
    } else if (size > 1) queue.alone = size;
    else this.block(imageId, { kind: "refused", imageId, reason: error.message });
    return true;
  }

  private later(): void {
    const pause = Math.min(FIRST_PAUSE_MS * 2 ** this.failures++, LONGEST_PAUSE_MS);
    this.timer = setTimeout(() => this.retry(), pause * (0.75 + Math.random() / 4));
  }

  // --- the shelf

  private entry(action: Action, writing: Promise<number>): Entry {
    const key = writing.catch(() => {
      this.unkept.add(entry);
      this.tell();
      return null;
    });
    const entry: Entry = { action, key };
    return entry;
  }

  private async forget(entries: readonly Entry[]): Promise<void> {
    const keys = await Promise.all(entries.map(({ key }) => key));
    for (const entry of entries) this.unkept.delete(entry);
    // Those that stay are sent once more when the image is next opened, which does nothing.
    await this.shelf.removeActions(keys.filter((key) => key !== null)).catch(() => {});
  }

  private queue(imageId: number): Queue {
    let queue = this.queues.get(imageId);
    if (!queue) this.queues.set(imageId, (queue = { entries: [], block: null, alone: 0 }));
    return queue;
  }

  // --- the state

  private tell(): void {
    this.news.set(this.read());
  }

  private read(): SaveState {
    const queues = [...this.queues.values()];
    const waiting = queues.reduce((sum, { entries }) => sum + entries.length, 0);
    const facts = { waiting, isKept: !waiting || (this.keeps && !this.unkept.size) };
    const blocks = queues.flatMap(({ block }) => block ?? []);
    const block = blocks.find((one) => one.kind !== "no lease");
    if (block) return { ...facts, ...block };
    if (!waiting) return { ...facts, kind: "saved" };
    const [unheld] = blocks.filter((one) => one.kind === "no lease");
    if (unheld) {
      return { ...facts, kind: "offline", since: unheld.since, reason: "", isAnswered: false };
    }
    if (this.offline) return { ...facts, ...this.offline, kind: "offline" };
    return { ...facts, kind: "saving" };
  }
}

/** As many actions as go well in one request, at least one. */
function first({ entries, alone }: Queue): Entry[] {
  const batch: Entry[] = [];
  let changes = 0;
  let letters = 0;
  for (const entry of entries.slice(0, alone ? 1 : ACTIONS_AT_ONCE)) {
    changes += entry.action.changes.length;
    for (const { after } of entry.action.changes) letters += after?.segmentation.counts.length ?? 0;
    if (batch.length && (changes > CHANGES_AT_ONCE || letters > LETTERS_AT_ONCE)) break;
    batch.push(entry);
  }
  return batch;
}
