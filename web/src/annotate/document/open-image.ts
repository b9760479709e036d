// One open image: its masks as the annotator sees them, ahead of the server, and what can be done.

import type {
  Action,
  ActionKind,
  Change,
  Effort,
  ImageDocument,
  ImageState,
  LogEntry,
  Version,
} from "../api/types";
import { Observable, type Readable, type Unsubscribe } from "../observable";
import type { Draft } from "./draft";
import { NO_EFFORT } from "./effort";
import { type ImageNow, PlacedMask } from "./image-now";
import { localTime } from "./local-time";
import { changed, entryOf, fits, type Stacks, stacks, stateAfter } from "./log";
import { type Move, moved } from "./ordering";
import { uuid4 } from "./uuid";
import type { RegionFacts, VersionFacts, Versions } from "./versions";

const STEPS_AHEAD = 20; // whose versions are fetched before anybody undoes them

/** What can't be done, with a line for people. */
export class DocumentError extends Error {
  override name = "DocumentError";
}

/** Where actions go: the outbox. */
export interface ActionSink {
  put(imageId: number, action: Action, endsDraft: boolean): void;
}

export interface NewMask<R> {
  /** One of its own without. */
  readonly id?: string | undefined;
  readonly region: R;
  readonly source: string;
  readonly predictedIou?: number | null;
  readonly labelId?: number | null;
  readonly group?: string | null;
}

/** A region that a mask gets. */
export type NewRegion<R> = Pick<NewMask<R>, "region" | "source" | "predictedIou">;

export interface ActOptions {
  readonly effort?: Effort;
  /** The action accepts the draft, which ends with it. */
  readonly endsDraft?: boolean;
}

export interface OpenImageOptions<R extends RegionFacts> {
  readonly annotator: string;
  readonly versions: Versions<R>;
  readonly draft: Draft;
  /** null: only looked at. */
  readonly sink: ActionSink | null;
}

export class OpenImage<R extends RegionFacts> implements Readable<ImageNow<R>> {
  readonly id: number;
  readonly name: string;
  /** null: the file can't be read. */
  readonly size: { readonly width: number; readonly height: number } | null;
  /** SHA-256 of the file that it was opened with. */
  readonly file: string;
  readonly draft: Draft;
  /** Whether its masks are to be corrected for an audit, until it is done. */
  readonly isAudited: boolean;
  private readonly annotator: string;
  private readonly versions: Versions<R>;
  private sink: ActionSink | null;
  private readonly now: Observable<ImageNow<R>>;
  private masks: ReadonlyMap<string, Version> = new Map();
  private placed = new Map<string, PlacedMask<R>>();
  private log: LogEntry[] = [];
  private stacks: Stacks = { undo: [], redo: [] };
  private state: ImageState;
  private turn: Promise<unknown> = Promise.resolve(); // undo and redo, one after the other

  /** waiting: actions that the server may not have yet. */
  constructor(
    document: ImageDocument,
    waiting: readonly Action[],
    { annotator, versions, draft, sink }: OpenImageOptions<R>,
  ) {
    this.id = document.id;
    this.name = document.name;
    this.file = document.file;
    const { width, height } = document;
    this.size = width && height ? { width, height } : null;
    this.state = document.state;
    this.isAudited = document.is_audited;
    this.annotator = annotator;
    this.versions = versions;
    this.draft = draft;
    this.sink = sink;
    this.now = new Observable(this.look());
    this.load(document, waiting);
  }

  get value(): ImageNow<R> {
    return this.now.value;
  }

  get isReadOnly(): boolean {
    return this.sink === null;
  }

  /** Be only looked at from now on, as another tab works on it. */
  release(): void {
    this.sink = null;
    this.draft.detach();
  }

  subscribe(run: (now: ImageNow<R>) => void): Unsubscribe {
    return this.now.subscribe(run);
  }

  mask(id: string): PlacedMask<R> | undefined {
    return this.placed.get(id);
  }

  /** Begin again from the server's word and what it has not heard yet. */
  load(document: ImageDocument, waiting: readonly Action[]): void {
    this.versions.add(document.masks.map(({ version }) => version));
    this.masks = new Map(document.masks.map(({ id, version }) => [id, version]));
    this.log = [...document.log];
    this.state = document.state;
    const logged = new Set(document.log.map(({ id }) => id));
    for (const action of waiting) {
      // What does not go on from here is a conflict, which the outbox will hear of.
      if (!logged.has(action.id) && fits(this.masks, action.changes)) this.follow(action);
    }
    this.tell();
    void this.fetchAhead();
  }

  // --- what can be done

  /** A new mask, over the others. Gives its id. */
  add(mask: NewMask<R>, options?: ActOptions): string {
    const id = mask.id ?? uuid4();
    this.act("add", [create(id, this.newVersion(mask, this.top() + 1))], options);
    return id;
  }

  /** Several new masks in one step. Gives their ids. */
  addAll(masks: readonly NewMask<R>[], options?: ActOptions): string[] {
    const above = this.top() + 1;
    const versions = masks.map((mask, i) => this.newVersion(mask, above + i));
    const changes = versions.map((version) => create(uuid4(), version));
    this.act("add", changes, options);
    return changes.map(({ mask_id }) => mask_id);
  }

  /** Another region for a mask; an empty one deletes it. */
  edit(id: string, { region, source, predictedIou }: NewRegion<R>, options?: ActOptions): void {
    if (!region.area) return this.delete([id], options);
    const { label_id, group, order } = this.must(id);
    const facts = { label_id, group, order, source, predicted_iou: predictedIou ?? null };
    this.act("edit", [this.replace(id, this.versions.of(region, facts))], options);
  }

  /**
   * Make suggestions masks, over the others.
   * @param labelId null for the label that a suggestion came with, if it did.
   */
  acceptSuggested(ids: readonly string[], labelId: number | null, options?: ActOptions): void {
    const above = this.top() + 1;
    const label = labelId === null ? {} : { label_id: labelId };
    const changes = distinct(ids).map((id, i) =>
      this.revise(id, { is_suggested: false, ...label, order: above + i }),
    );
    this.act("accept", changes, options);
  }

  rejectSuggested(ids: readonly string[], options?: ActOptions): void {
    this.act(
      "reject",
      distinct(ids).map((id) => this.replace(id, null)),
      options,
    );
  }

  delete(ids: readonly string[], options?: ActOptions): void {
    this.act(
      "delete",
      distinct(ids).map((id) => this.replace(id, null)),
      options,
    );
  }

  /** The first mask becomes what all are together; the others go. */
  merge(ids: readonly string[], { region, source }: NewRegion<R>, options?: ActOptions): void {
    const [first, ...others] = distinct(ids);
    if (!others.length) throw new DocumentError("merging takes two masks or more");
    const facts = { ...this.factsOf(first), source, predicted_iou: null };
    const merged = this.replace(first, this.versions.of(region, facts));
    this.act("merge", [merged, ...others.map((id) => this.replace(id, null))], options);
  }

  /** A mask becomes its parts, the first of which goes on as it. Gives the ids of all. */
  split(id: string, parts: readonly R[], source: string, options?: ActOptions): string[] {
    const [first, ...others] = parts.filter(({ area }) => area);
    if (!others.length) throw new DocumentError("there is nothing to split the mask into");
    const facts = { ...this.factsOf(id), source, predicted_iou: null };
    const above = this.top() + 1;
    const changes = [
      this.replace(id, this.versions.of(first, facts)),
      ...others.map((part, i) =>
        create(uuid4(), this.versions.of(part, { ...facts, order: above + i })),
      ),
    ];
    this.act("split", changes, options);
    return changes.map(({ mask_id }) => mask_id);
  }

  /** The same masks once more, over the others. Gives the new ids. */
  duplicate(ids: readonly string[], options?: ActOptions): string[] {
    const above = this.top() + 1;
    const changes = distinct(ids).map((id, i) =>
      create(uuid4(), this.versions.revised(this.must(id), { order: above + i })),
    );
    this.act("duplicate", changes, options);
    return changes.map(({ mask_id }) => mask_id);
  }

  reorder(ids: readonly string[], move: Move, options?: ActOptions): void {
    const orders = moved(this.value.masks, new Set(ids), move);
    const changes = [...orders].map(([id, order]) => this.revise(id, { order }));
    this.act("reorder", changes, options);
  }

  label(ids: readonly string[], labelId: number | null, options?: ActOptions): void {
    this.mark(ids, { label_id: labelId }, options);
  }

  group(ids: readonly string[], group: string | null, options?: ActOptions): void {
    this.mark(ids, { group }, options);
  }

  setState(state: ImageState, options?: ActOptions): void {
    if (state !== this.state) this.act("state", [], options, { state });
  }

  /** Undo the last action; gives it, or null if there is none. Throws ApiError if it needs the
   * server and can't reach it. */
  undo(options?: ActOptions): Promise<LogEntry | null> {
    return this.turned("undo", options);
  }

  redo(options?: ActOptions): Promise<LogEntry | null> {
    return this.turned("redo", options);
  }

  // --- actions

  private mark(ids: readonly string[], facts: Partial<VersionFacts>, options?: ActOptions): void {
    const differs = (version: Version) =>
      Object.entries(facts).some(([name, fact]) => version[name as keyof Version] !== fact);
    const others = distinct(ids).filter((id) => differs(this.must(id)));
    const changes = others.map((id) => this.revise(id, facts));
    this.act("label", changes, options);
  }

  private turned(kind: "undo" | "redo", options?: ActOptions): Promise<LogEntry | null> {
    const result = this.turn.then(() => this.takeTurn(kind, options));
    this.turn = result.catch(() => {});
    return result;
  }

  private async takeTurn(kind: "undo" | "redo", options?: ActOptions) {
    const entry = this.next(kind);
    if (!entry) return null;
    await this.versions.fetch(idsBehind(entry, kind));
    if (entry !== this.next(kind)) return null; // something else was done meanwhile
    const changes = entry.changes.map(({ mask_id, before, after }) => {
      const [from, to] = kind === "undo" ? [after, before] : [before, after];
      return { mask_id, before: from, after: to === null ? null : this.versions.get(to)! };
    });
    this.act(kind, changes, options, { target: entry.id });
    void this.fetchAhead();
    return entry;
  }

  private act(
    kind: ActionKind,
    changes: readonly Change[],
    { effort = NO_EFFORT, endsDraft = false }: ActOptions = {},
    more: { readonly target?: string; readonly state?: ImageState } = {},
  ): void {
    if (!this.sink) throw new DocumentError("this image is only shown, somebody else works on it");
    if (!changes.length && kind !== "state") return;
    const at = localTime(new Date());
    const action: Action = { id: uuid4(), kind, target: null, at, changes, effort, ...more };
    this.follow(action);
    this.sink.put(this.id, action, endsDraft);
    if (endsDraft) this.draft.end();
    this.tell();
  }

  /** Be as after an action. */
  private follow(action: Action): void {
    this.versions.add(action.changes.flatMap(({ after }) => after ?? []));
    this.masks = changed(this.masks, action.changes);
    this.log.push(entryOf(action, this.log.length + 1, this.annotator));
    this.state = stateAfter(this.state, action, this.log);
  }

  // --- the parts of an action

  private newVersion({ region, source, ...mask }: NewMask<R>, order: number): Version {
    if (!region.area) throw new DocumentError("an empty mask is none");
    const { labelId = null, group = null, predictedIou = null } = mask;
    const facts = { label_id: labelId, group, order, source, predicted_iou: predictedIou };
    return this.versions.of(region, facts);
  }

  private factsOf(id: string): Pick<VersionFacts, "label_id" | "group" | "order"> {
    const { label_id, group, order } = this.must(id);
    return { label_id, group, order };
  }

  private revise(id: string, facts: Partial<VersionFacts>): Change {
    return this.replace(id, this.versions.revised(this.must(id), facts));
  }

  private replace(id: string, after: Version | null): Change {
    return { mask_id: id, before: this.must(id).id, after };
  }

  private must(id: string): Version {
    const version = this.masks.get(id);
    if (!version) throw new DocumentError("this mask is gone");
    return version;
  }

  private top(): number {
    return this.value.masks.at(-1)?.version.order ?? -1;
  }

  // --- what is seen

  private next(kind: "undo" | "redo"): LogEntry | null {
    return this.value[kind === "undo" ? "undoable" : "redoable"];
  }

  private tell(): void {
    this.stacks = stacks(this.log);
    this.now.set(this.look());
  }

  private look(): ImageNow<R> {
    const before = this.placed;
    this.placed = new Map(
      [...this.masks].map(([id, version]) => {
        const old = before.get(id);
        return [id, old?.version === version ? old : new PlacedMask(id, version, this.versions)];
      }),
    );
    const ids = new Set([...before.keys(), ...this.placed.keys()]);
    const changed = [...ids].filter((id) => before.get(id) !== this.placed.get(id));
    const entry = (id: string | undefined) =>
      this.log.findLast((logged) => logged.id === id) ?? null;
    const placed = [...this.placed.values()];
    return {
      masks: placed
        .filter(({ version }) => !version.is_suggested)
        .sort((a, b) => a.version.order - b.version.order),
      suggested: placed
        .filter(({ version }) => version.is_suggested)
        .sort((a, b) => (b.version.predicted_iou ?? 0) - (a.version.predicted_iou ?? 0)),
      changed: new Set(changed),
      state: this.state,
      undoable: entry(this.stacks.undo.at(-1)),
      redoable: entry(this.stacks.redo.at(-1)),
      log: this.log.slice(),
    };
  }

  /** Have at hand what the next steps back and again need, in case the server goes away. */
  private async fetchAhead(): Promise<void> {
    const steps = (["undo", "redo"] as const).flatMap((kind) => {
      const ids = new Set(this.stacks[kind].slice(-STEPS_AHEAD));
      return this.log.filter(({ id }) => ids.has(id)).flatMap((entry) => idsBehind(entry, kind));
    });
    await this.versions.fetch(steps).catch(() => {}); // who undoes will ask again, and be told
  }
}

function create(mask_id: string, after: Version): Change {
  return { mask_id, before: null, after };
}

/** The versions that undoing or redoing brings back. */
function idsBehind({ changes }: LogEntry, kind: "undo" | "redo"): string[] {
  return changes.flatMap(({ before, after }) => (kind === "undo" ? before : after) ?? []);
}

function distinct(ids: readonly string[]): string[] {
  return [...new Set(ids)];
}
