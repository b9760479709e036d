// What the page works on: one project, one open image, one tool. The screen shows it, and tells it
// what hands do.

import { ApiError, Client } from "../api";
import type { ImageState, ImageSummary, Label, Project } from "../api/types";
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
  decodeRle,
  dropIslands,
  encodeRle,
  fillEnclosed,
  fillHoles,
  type Place,
  type Region,
} from "../../regions";
import type { BoxXyxy } from "../../segmenter";
import { type DrawnMask, PALETTE, type PictureSource } from "../view";
import { type OnlyShown, onlyShown, recounted } from "./access";
import { Catalogue, type CatalogueNow } from "./catalogue";
import { Drafting, type DraftingNow } from "./drafting";
import { Model } from "./model";
import { MaskColours, type Palette } from "./mask-colours";
import { pictureOf } from "./picture";
import { Preview } from "./preview.svelte";
import { Review } from "./review.svelte";
import { Rounds } from "./rounds";
import { Selection } from "./selection.svelte";
import { Suggestions } from "./suggestions.svelte";
import { allTools, type Tool, type ToolName } from "./tools";

const EDITING: ReadonlySet<ToolName> = new Set(["brush", "eraser", "lasso", "polygon"]);
const LOOK_AROUND_MS = 20_000;
const LOOK_FOR_MODEL_MS = 5_000; // as the server does

/** An image that is open, with all that belongs to it. */
export interface OpenNow {
  readonly image: OpenImage<Region>;
  readonly drafting: Drafting;
  readonly size: { readonly width: number; readonly height: number };
  readonly picture: PictureSource;
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
  /** What is good to know, and no fault. */
  notice = $state("");
  /** Why the image is only shown; null if it can be changed. */
  onlyShown = $state.raw<OnlyShown | null>(null);
  isSignedOut = $state(false);
  labelId = $state<number | null>(null);
  toolName = $state<ToolName>("click");
  hidden = $state.raw<ReadonlySet<string>>(new Set());
  /** Changes when the keys do. */
  keys = $state.raw<object>({});

  readonly client = new Client();
  readonly model = new Model(this.client);
  readonly selection = new Selection(
    () => this.open?.image,
    () => this.clock,
  );
  readonly preview = new Preview();
  readonly suggestions = new Suggestions(this.client);
  readonly review = new Review(this.client);
  readonly rounds = new Rounds(this, (imageId) => this.desk!.close(imageId));
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
    follow(this.client.isSignedOut, (is) => (this.isSignedOut = is));
  }

  /** Begin: with the image that the address names, else with the next one to work on. */
  async start(): Promise<void> {
    const named = Number(new URLSearchParams(location.hash.slice(1)).get("image"));
    const [project, next] = await Promise.all([
      this.client.project(),
      named ? null : this.client.next(),
      this.list.filter("", ""),
    ]);
    this.project = project;
    this.setLabels(project.labels);
    this.clock = this.newClock(project.model_id);
    this.clock.watch(document);
    this.desk = await Desk.start(this.client, CODEC, project);
    follow(this.desk.saved, (state) => (this.saved = state));
    follow(this.desk.conflict, (conflict) => (this.conflict = conflict));
    setInterval(() => void this.model.look().catch(() => {}), LOOK_FOR_MODEL_MS);
    if (project.signed_in) setInterval(() => void this.lookAround(), LOOK_AROUND_MS);
    const { images } = this.catalogue;
    const first = named ? { id: named, name: `image ${named}` } : (next ?? images[0] ?? null);
    await this.rounds.openFrom(first, (id) => this.client.next(id));
  }

  /** Whether the open image's masks are to be corrected for an audit. */
  get isAudited(): boolean {
    return this.open?.image.isAudited === true && this.now?.state === "returned";
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
    if (this.open?.image.id === id) this.closeImage(this.open);
    this.notice = "";
    this.model.prepare(id); // meanwhile, as the picture
    const known = this.catalogue.images.find((image) => image.id === id);
    const early = known && pictureIfSized(this.client, known);
    // Where it fails, the image that is open stays.
    const { image, hold, notes } = await this.desk!.open(id, takeOver);
    if (turn !== this.opening) {
      if (this.open?.image.id !== id) this.desk!.close(id);
      return;
    }
    if (this.open) this.closeImage(this.open);
    this.model.move();
    this.clock.modelId = this.model.id ?? this.project!.model_id;
    const { size } = image;
    if (!size) throw new Error("this image can't be read");
    const drafting = new Drafting(image, size, this.model, this.clock, (error) =>
      this.complain(error),
    );
    const isSame = early?.width === size.width && early.height === size.height;
    const picture = isSame ? early : pictureOf(this.client, id, size);
    this.open = { image, drafting, size, picture };
    this.onlyShown = onlyShown(hold, image.value.state, this.project!.annotator.role);
    this.review.show(id, notes);
    if (image.value.state === "returned") this.review.next();
    this.unfollow = [
      follow(image, (now) => this.take(now)),
      follow(drafting.state, (now) => (this.draft = now)),
    ];
    history.replaceState(null, "", `#image=${id}`);
    this.rounds.chooseTool();
    this.model.open(id).catch((error: Error) => this.complain(error));
    void this.prepareNext(id);
  }

  async step(by: 1 | -1): Promise<void> {
    const following = (id: number) => this.list.neighbour(id, by);
    if (this.open) await this.rounds.openFrom(await following(this.open.image.id), following);
  }

  /** The store is another than the page knows, as after an import: show it as it is now. */
  async refresh(): Promise<void> {
    this.project = await this.client.project();
    this.setLabels(this.project.labels);
    await this.list.filter(this.catalogue.state, this.catalogue.text);
    if (this.open) await this.openImage(this.open.image.id);
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
    if (hold.kind === "taken") {
      const who = hold.holder?.annotator ?? "somebody else";
      throw new DocumentError(`${who} still has it; what you did stays kept here`);
    }
    if (this.open?.image.id === imageId) this.onlyShown = null;
  }

  /** Get out. What was not sent stays in this browser for when the same person is back. */
  async signOut(): Promise<void> {
    await this.client.signOut();
    location.reload();
  }

  async resolve(choices: ReadonlyMap<string, "mine" | "theirs" | "both">): Promise<void> {
    await this.desk!.resolve(choices);
  }

  /** Give up what of an image the server refuses. */
  async giveUp(imageId: number): Promise<void> {
    await this.desk!.discard(imageId);
  }

  // --- the mask in work

  /** Make the mask in work, or all that was asked for and found, masks of the image. */
  accept(): void {
    if (this.suggestions.wasAsked && this.drafting?.isEmpty) this.acceptSuggested();
    else this.acceptDraft();
  }

  /** Make the mask in work a mask of the image. */
  acceptDraft(): void {
    this.nudged = false;
    if (!this.drafting?.accept(this.labelId)) return;
    this.selection.clear();
    if (this.settings.hasHints) this.set({ hasHints: false });
  }

  discard(): void {
    this.nudged = false;
    if (this.drafting?.isEmpty) {
      this.suggestions.clear();
      this.selection.clear();
    } else this.drafting?.discard();
  }

  choose(name: ToolName): void {
    this.toolName = name;
    this.preview.clear();
    const isIdle = this.selection.size === 1 && this.drafting?.isEmpty;
    if (EDITING.has(name) && isIdle) this.refine();
  }

  /** Go on with the selected mask. */
  refine(): void {
    const { first } = this.selection;
    if (first === undefined) return;
    this.drafting?.refine(first);
    this.selection.clear();
  }

  /** Change the mask in work, or else the selected masks. */
  reshape(change: (region: Region) => Region, source: string): void {
    const { open, draft } = this;
    if (!open) return;
    if (draft?.region) open.drafting.edit(change(draft.region), source);
    else this.attempt(() => this.selection.reshape(change, source));
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

  hide(id: string): void {
    const hidden = new Set(this.hidden);
    if (!hidden.delete(id)) hidden.add(id);
    this.hidden = hidden;
  }

  deleteMasks(ids: readonly string[]): void {
    this.attempt(() => this.open?.image.delete(ids, { effort: this.clock.take() }));
  }

  // --- labels

  chooseLabel(labelId: number | null): void {
    if (this.selection.size) this.attempt(() => this.selection.label(labelId));
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
      const isOpen = () => this.open === open;
      const isAsked = await this.suggestions.ask(open.image, box, this.model.id, isOpen);
      if (isAsked && !this.suggestions.wasAsked) {
        this.complain(new Error("nothing new was found there"));
      }
    } finally {
      this.waiting = "";
    }
  }

  /** Accept all suggestions, or those of the ids. */
  acceptSuggested(ids?: ReadonlySet<string>): void {
    const { open, labelId } = this;
    if (open) this.suggestions.accept(open.image, { ids, labelId, effort: this.clock.take() });
  }

  /** Reject all suggestions, or those of the ids. */
  rejectSuggested(ids?: ReadonlySet<string>): void {
    const { open } = this;
    if (open) this.suggestions.reject(open.image, this.clock.take(), ids);
  }

  // --- what the stage shows

  /** The masks as they are drawn, from the lowest on. */
  drawn(): DrawnMask[] {
    const isHidden = (id: string) => this.hidden.has(id) || this.draft?.maskId === id;
    const { shown } = this.suggestions;
    return this.colours.drawn(this.now?.masks ?? [], shown, isHidden, this.palette);
  }

  colourOf(id: string): string {
    const mask = this.open?.image.mask(id);
    if (!mask) return "transparent";
    return this.colours.colourOf(id, mask.region.box, mask.version, ...this.palette);
  }

  private get palette(): Palette {
    return [this.labels, this.settings.colorBy];
  }

  /** Show what a click at a place would give. */
  async showPreview(place: Place | null): Promise<void> {
    const { open } = this;
    if (!place || !open || !this.settings.hasPreview || this.waiting) return this.preview.clear();
    const isWanted = () => this.open === open && open.drafting.isEmpty;
    await this.preview.ask(open.drafting, place, isWanted);
  }

  private newClock(modelId: string | null): EffortClock {
    return new EffortClock({
      modelId,
      nudgeAfterS: this.kept.value.nudgeAfterS,
      onNudge: () => (this.nudged = this.settings.hasNudge && !this.drafting?.isEmpty),
    });
  }

  private take(now: ImageNow<Region>): void {
    const before = this.now?.state;
    this.now = now;
    this.suggestions.take(now.suggested);
    this.selection.prune();
    const { open, project } = this;
    if (before && project) {
      this.project = { ...project, counts: recounted(project.counts, before, now.state) };
    }
    if (open)
      this.list.update({
        id: open.image.id,
        masks: now.masks.length,
        suggestions: now.suggested.length,
        state: now.state,
      });
  }

  private closeImage({ image, drafting }: OpenNow): void {
    drafting.close();
    for (const stop of this.unfollow) stop();
    this.desk!.close(image.id);
    this.open = this.now = this.draft = null;
    this.preview.clear();
    this.suggestions.take([]);
    this.suggestions.clear();
    this.selection.clear();
    this.hidden = new Set();
    this.colours.clear();
    this.nudged = false;
  }

  private async prepareNext(id: number): Promise<void> {
    await this.model.open(id).catch(() => null);
    const next = await this.list.neighbour(id, 1).catch(() => null);
    if (next && this.open?.image.id === id) this.model.prepare(next.id);
  }

  /** See what the others did meanwhile. */
  private async lookAround(): Promise<void> {
    if (document.visibilityState === "hidden" || this.isSignedOut) return;
    try {
      const { counts, images, masks } = await this.client.project();
      this.project = { ...this.project!, counts, images, masks };
      await this.list.refresh();
    } catch {
      // The next look will do.
    }
  }

  private setLabels(labels: readonly Label[]): void {
    this.labels = labels;
    this.shortcuts.setLabels(labels);
  }

  private complain(error: Error): void {
    if (error.name === "AbortError") return;
    const isPlain = error instanceof ApiError || error instanceof DocumentError;
    if (!isPlain) console.error(error);
    this.error = error.message;
  }
}

const CODEC = { encode: encodeRle, decode: decodeRle };

/** The picture of an image that somebody looked into before. */
function pictureIfSized(client: Client, { id, width, height }: ImageSummary): PictureSource | null {
  return width && height ? pictureOf(client, id, { width, height }) : null;
}

function follow<T>(readable: Readable<T>, run: (value: T) => void): () => void {
  return readable.subscribe(run);
}
