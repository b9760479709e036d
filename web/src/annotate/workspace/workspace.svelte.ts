// What the page works on: one project, one open image, one tool. The screen shows it, and tells it
// what hands do.

import { ApiError, Client } from "../api";
import type { ImageState, Label, Project, Suggestion } from "../api/types";
import {
  browserStorage,
  Desk,
  DocumentError,
  EffortClock,
  type ImageConflict,
  type ImageNow,
  isMac,
  type OpenImage,
  type SaveState,
  Settings,
  type SettingValues,
  Shortcuts,
} from "../document";
import type { Readable } from "../observable";
import {
  components,
  decodeRle,
  dropIslands,
  encodeRle,
  fillEnclosed,
  fillHoles,
  fromMask,
  type Place,
  type Region,
  union,
} from "../../regions";
import type { BoxXyxy } from "../../segmenter";
import { type DrawnMask, PALETTE, type PictureSource } from "../view";
import { Catalogue, type CatalogueNow } from "./catalogue";
import { Drafting, type DraftingNow } from "./drafting";
import { Model } from "./model";
import { MaskColours } from "./mask-colours";
import { pictureOf } from "./picture";
import { allTools, type Tool, type ToolName } from "./tools";

const EDITING: ReadonlySet<ToolName> = new Set(["brush", "eraser", "lasso", "polygon"]);

/** An image that is open, with all that belongs to it. */
export interface OpenNow {
  readonly image: OpenImage<Region>;
  readonly drafting: Drafting;
  readonly size: { readonly width: number; readonly height: number };
  readonly picture: PictureSource;
}

export interface Suggested {
  readonly id: string;
  readonly region: Region;
  readonly predictedIou: number;
}

export class Workspace {
  project = $state.raw<Project | null>(null);
  labels = $state.raw<readonly Label[]>([]);
  catalogue = $state.raw<CatalogueNow>({ images: [], total: 0, state: "", text: "" });
  open = $state.raw<OpenNow | null>(null);
  now = $state.raw<ImageNow<Region> | null>(null);
  draft = $state.raw<DraftingNow | null>(null);
  saved = $state.raw<SaveState | null>(null);
  conflict = $state.raw<ImageConflict | null>(null);
  settings = $state.raw<SettingValues>(null!);
  waiting = $state("");
  error = $state("");
  nudged = $state(false);
  /** Why the image is only shown; "" if it can be changed. */
  onlyShown = $state("");
  labelId = $state<number | null>(null);
  toolName = $state<ToolName>("click");
  selected = $state.raw<ReadonlySet<string>>(new Set());
  hidden = $state.raw<ReadonlySet<string>>(new Set());
  suggested = $state.raw<readonly Suggested[]>([]);
  preview = $state.raw<Region | null>(null);
  /** Changes when the keys do. */
  keys = $state.raw<object>({});

  readonly client = new Client();
  readonly model = new Model(this.client);
  readonly shortcuts = new Shortcuts({ storage: browserStorage(), isMac: isMac() });
  readonly tools: Readonly<Record<ToolName, Tool>> = allTools();
  clock: EffortClock;
  private readonly kept = new Settings(browserStorage());
  private readonly list = new Catalogue(this.client);
  private readonly colours = new MaskColours();
  private desk: Desk<Region> | null = null;
  private opening = 0;
  private unfollow: (() => void)[] = [];

  constructor() {
    this.clock = this.newClock(null);
    this.kept.follow(window);
    follow(this.kept, (values) => (this.settings = values));
    follow(this.list.now, (now) => (this.catalogue = now));
    follow(this.model.waiting, (words) => (this.waiting = words));
    follow(this.shortcuts, () => (this.keys = {}));
  }

  /** Begin: with the image that the address names, else with the next one to work on. */
  async start(): Promise<void> {
    this.project = await this.client.project();
    this.setLabels(this.project.labels);
    this.clock = this.newClock(this.project.model_id);
    this.clock.watch(document);
    this.desk = await Desk.start(this.client, CODEC, this.project);
    follow(this.desk.saved, (state) => (this.saved = state));
    follow(this.desk.conflict, (conflict) => (this.conflict = conflict));
    await this.list.filter("", "");
    const named = Number(new URLSearchParams(location.hash.slice(1)).get("image"));
    const first = named || (await this.client.next())?.id || this.catalogue.images[0]?.id;
    if (first) await this.openImage(first);
  }

  get drafting(): Drafting | null {
    return this.open?.drafting ?? null;
  }

  get tool(): Tool {
    return this.tools[this.toolName];
  }

  set(values: Partial<SettingValues>): void {
    this.kept.set(values);
  }

  /** Do something; what goes wrong is shown. */
  attempt(action: () => unknown): void {
    Promise.resolve()
      .then(action)
      .then(() => (this.error = ""))
      .catch((error: Error) => this.complain(error));
  }

  // --- images

  async openImage(id: number, takeOver = false): Promise<void> {
    const turn = ++this.opening;
    if (this.open) this.closeImage(this.open);
    const { image, hold } = await this.desk!.open(id, takeOver);
    if (turn !== this.opening) {
      if (this.open?.image.id !== id) this.desk!.close(id);
      return;
    }
    const { size } = image;
    if (!size) throw new Error("this image can't be read");
    const drafting = new Drafting(image, size, this.model, this.clock, (error) =>
      this.complain(error),
    );
    this.open = { image, drafting, size, picture: pictureOf(this.client, id, size) };
    this.onlyShown = hold.kind === "held" ? "" : wordsOfHold(hold);
    this.unfollow = [
      follow(image, (now) => this.take(now)),
      follow(drafting.state, (now) => (this.draft = now)),
    ];
    history.replaceState(null, "", `#image=${id}`);
    this.model.open(id).catch((error: Error) => this.complain(error));
    void this.prepareNext(id);
  }

  async step(by: 1 | -1): Promise<void> {
    const { open } = this;
    const next = open && (await this.list.neighbour(open.image.id, by));
    if (next) await this.openImage(next.id);
  }

  /** The image is finished, or passed over; on to the next. */
  async finish(state: ImageState): Promise<void> {
    const { open } = this;
    if (!open) return;
    this.accept();
    open.image.setState(state, { effort: this.clock.take() });
    this.recount(open.image.id, state);
    const next = await this.client.next(open.image.id);
    if (next) await this.openImage(next.id);
  }

  filter(state: ImageState | "", text: string): void {
    this.attempt(() => this.list.filter(state, text));
  }

  more(): void {
    this.attempt(() => this.list.more());
  }

  /** Send at once what waits. */
  saveNow(): void {
    this.desk?.retry();
  }

  /** Take back an image that others got meanwhile. */
  async regain(imageId: number): Promise<void> {
    const hold = await this.desk!.regain(imageId);
    this.onlyShown = hold.kind === "held" ? "" : wordsOfHold(hold);
  }

  async resolve(choices: ReadonlyMap<string, "mine" | "theirs" | "both">): Promise<void> {
    await this.desk!.resolve(choices);
  }

  /** Give up what of an image the server refuses. */
  async giveUp(imageId: number): Promise<void> {
    await this.desk!.discard(imageId);
  }

  // --- the mask in work

  /** Make the mask in work, or all suggestions, masks of the image. */
  accept(): void {
    this.nudged = false;
    if (this.suggested.length && this.drafting?.isEmpty) return this.acceptSuggested();
    const id = this.drafting?.accept(this.labelId);
    if (id) this.selected = new Set();
  }

  discard(): void {
    this.nudged = false;
    if (this.drafting?.isEmpty) {
      this.suggested = [];
      this.selected = new Set();
    } else this.drafting?.discard();
  }

  choose(name: ToolName): void {
    this.toolName = name;
    this.preview = null;
    const [only] = this.selected;
    if (EDITING.has(name) && this.selected.size === 1 && this.drafting?.isEmpty) {
      this.drafting.refine(only);
      this.selected = new Set();
    }
  }

  /** Change the mask in work, or else the selected masks. */
  reshape(change: (region: Region) => Region, source: string): void {
    const { open, draft } = this;
    if (!open) return;
    if (draft?.region) return open.drafting.edit(change(draft.region), source);
    for (const id of this.selected) {
      const region = open.image.mask(id)?.region;
      if (region) open.image.edit(id, { region: change(region), source });
    }
  }

  fillHoles(): void {
    this.reshape(fillEnclosed, "fill holes");
  }

  dropIslands(): void {
    const area = this.settings.smallestArea;
    this.reshape((region) => fillHoles(dropIslands(region, area), area), "drop islands");
  }

  async undo(): Promise<void> {
    if (this.drafting?.undo()) return;
    await this.open?.image.undo();
  }

  async redo(): Promise<void> {
    if (this.drafting?.redo()) return;
    await this.open?.image.redo();
  }

  // --- masks of the image

  select(ids: readonly string[], more: boolean): void {
    const selected = new Set(more ? this.selected : []);
    for (const id of ids) if (!selected.delete(id) || !more) selected.add(id);
    this.selected = selected;
  }

  selectNext(by: 1 | -1): void {
    const ids = this.now?.masks.map(({ id }) => id) ?? [];
    const [first] = this.selected;
    const at = first === undefined ? (by > 0 ? -1 : 0) : ids.indexOf(first);
    if (ids.length) this.selected = new Set([ids[(at + by + ids.length) % ids.length]]);
  }

  hide(id: string): void {
    const hidden = new Set(this.hidden);
    if (!hidden.delete(id)) hidden.add(id);
    this.hidden = hidden;
  }

  /** Do something with the selected masks. */
  withSelected(action: (image: OpenImage<Region>, ids: readonly string[]) => unknown): void {
    const { open } = this;
    if (open && this.selected.size) this.attempt(() => action(open.image, [...this.selected]));
  }

  deleteMasks(ids: readonly string[]): void {
    this.attempt(() => this.open?.image.delete(ids, { effort: this.clock.take() }));
  }

  merge(): void {
    this.withSelected((image, ids) => {
      const regions = ids.flatMap((id) => image.mask(id)?.region ?? []);
      if (regions.length > 1) image.merge(ids, { region: regions.reduce(union), source: "merge" });
    });
  }

  splitParts(): void {
    this.withSelected((image, ids) => {
      for (const id of ids) {
        const parts = components(image.mask(id)!.region);
        if (parts.length > 1) image.split(id, parts, "split");
      }
    });
  }

  // --- labels

  chooseLabel(labelId: number | null): void {
    if (this.selected.size) this.withSelected((image, ids) => image.label(ids, labelId));
    else this.labelId = labelId;
  }

  async addLabel(name: string): Promise<void> {
    const color = PALETTE[this.labels.length % PALETTE.length];
    const taken = new Set(this.labels.map(({ hotkey }) => hotkey));
    const hotkey = ["1", "2", "3", "4", "5", "6", "7", "8", "9"].find((key) => !taken.has(key));
    const label = { id: null, name, color, hotkey: hotkey ?? null };
    this.setLabels(await this.client.putLabels([...this.labels, label]));
    this.chooseLabel(this.labels.find((made) => made.name === name)?.id ?? null);
  }

  // --- suggestions

  /** Everything that the model finds in the image or in a box. */
  async suggest(box: BoxXyxy | null): Promise<void> {
    const { open } = this;
    if (!open) return;
    this.waiting = box ? "looking for everything in the box…" : "looking for everything…";
    try {
      const suggestions = await this.client.everything(open.image.id, box);
      if (this.open !== open) return;
      this.suggested = suggestions.map(suggestedOf).filter((one) => !this.isKnown(one.region));
      if (!this.suggested.length) this.complain(new Error("nothing new was found there"));
    } finally {
      this.waiting = "";
    }
  }

  acceptSuggested(ids?: ReadonlySet<string>): void {
    const { open } = this;
    const taken = this.suggested.filter(({ id }) => !ids || ids.has(id));
    if (!open || !taken.length) return;
    const masks = taken.map(({ region, predictedIou }) => ({
      region,
      predictedIou,
      source: "everything",
      labelId: this.labelId,
    }));
    open.image.addAll(masks, { effort: this.clock.take() });
    this.suggested = this.suggested.filter((one) => !taken.includes(one));
  }

  // --- what the stage shows

  /** The masks as they are drawn, from the lowest on. */
  drawn(): DrawnMask[] {
    const masks = this.now?.masks ?? [];
    const placed = masks.map(({ id, region, version }) => ({
      id,
      region,
      colour: this.colours.colourOf(id, region.box, version, this.labels, this.settings.colorBy),
      hidden: this.hidden.has(id) || this.draft?.maskId === id,
    }));
    const suggested = this.suggested.map(({ id, region }) => ({
      id,
      region,
      colour: this.colours.colourOf(id, region.box, null, [], "mask"),
      suggested: true,
    }));
    return [...placed, ...suggested];
  }

  colourOf(id: string): string {
    const mask = this.open?.image.mask(id);
    if (!mask) return "transparent";
    const { region, version } = mask;
    return this.colours.colourOf(id, region.box, version, this.labels, this.settings.colorBy);
  }

  /** Show what a click at a place would give. */
  async showPreview(place: Place | null): Promise<void> {
    const { open } = this;
    if (!place || !open || !this.settings.hasPreview || this.waiting) {
      this.preview = null;
      return;
    }
    const masks = await open.drafting.glanceAt(...place);
    if (masks && this.open === open && open.drafting.isEmpty) this.preview = fromMask(masks[0]);
  }

  private newClock(modelId: string | null): EffortClock {
    return new EffortClock({
      modelId,
      nudgeAfterS: this.kept.value.nudgeAfterS,
      onNudge: () => (this.nudged = this.settings.hasNudge && !this.drafting?.isEmpty),
    });
  }

  private isKnown(region: Region): boolean {
    return (this.now?.masks ?? []).some((mask) => mask.region.equals(region));
  }

  private take(now: ImageNow<Region>): void {
    this.now = now;
    const there = new Set(now.masks.map(({ id }) => id));
    this.selected = new Set([...this.selected].filter((id) => there.has(id)));
    const { open } = this;
    if (open) this.list.update({ id: open.image.id, masks: now.masks.length, state: now.state });
  }

  private closeImage({ image, drafting }: OpenNow): void {
    drafting.close();
    for (const stop of this.unfollow) stop();
    this.desk!.close(image.id);
    this.open = this.now = this.draft = this.preview = null;
    this.suggested = [];
    this.selected = this.hidden = new Set();
    this.colours.clear();
    this.nudged = false;
  }

  private async prepareNext(id: number): Promise<void> {
    await this.model.open(id).catch(() => null);
    const next = await this.list.neighbour(id, 1).catch(() => null);
    if (next && this.open?.image.id === id) this.model.prepare(next.id);
  }

  private setLabels(labels: readonly Label[]): void {
    this.labels = labels;
    this.shortcuts.setLabels(labels);
  }

  private recount(id: number, state: ImageState): void {
    const before = this.catalogue.images.find((image) => image.id === id)?.state;
    const { project } = this;
    if (!project || before === state) return;
    const counts = { ...project.counts };
    if (before) counts[before] = Math.max((counts[before] ?? 0) - 1, 0);
    counts[state] = (counts[state] ?? 0) + 1;
    this.project = { ...project, counts };
  }

  private complain(error: Error): void {
    if (error.name === "AbortError") return;
    const isPlain = error instanceof ApiError || error instanceof DocumentError;
    if (!isPlain) console.error(error);
    this.error = error.message;
  }
}

const CODEC = { encode: encodeRle, decode: decodeRle };

function suggestedOf({ segmentation, predicted_iou }: Suggestion, number: number): Suggested {
  return {
    id: `suggested ${number}`,
    region: decodeRle(segmentation),
    predictedIou: predicted_iou,
  };
}

function wordsOfHold(hold: { kind: string; holder?: { annotator: string } | null }): string {
  if (hold.kind === "another tab") return "Another tab of this browser has this image.";
  return `${hold.holder?.annotator ?? "Somebody else"} works on this image. You can look at it.`;
}

function follow<T>(readable: Readable<T>, run: (value: T) => void): () => void {
  return readable.subscribe(run);
}
