// What the page works on: one project, one open image, one tool. The screen shows it, and tells it
// what hands do.

import { Client } from "../api";
import type { ImageState, Label, LabelDraft, Project } from "../api/types";
import {
  browserStorage,
  Desk,
  EffortClock,
  type ImageNow,
  isMac,
  LastSeen,
  Settings,
  type SettingValues,
  Shortcuts,
  tabStorage,
} from "../document";
import { forgetSeen } from "../kept-page";
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
import type { DrawnMask } from "../view";
import type { OnlyShown } from "./access";
import { Alike } from "./alike.svelte";
import { beginning } from "./beginning";
import { Catalogue, type CatalogueNow } from "./catalogue";
import { Complaints } from "./complaints.svelte";
import type { Drafting, DraftingNow } from "./drafting";
import { Model } from "./model";
import { NextLabel } from "./next-label.svelte";
import { MaskColours, type Palette } from "./mask-colours";
import { Opening, type OpenNow } from "./opening.svelte";
import { Preview } from "./preview.svelte";
import type { Question } from "./question";
import { Review } from "./review.svelte";
import { Rounds } from "./rounds";
import { Saving } from "./saving.svelte";
import { Selection } from "./selection.svelte";
import { Suggestions } from "./suggestions.svelte";
import { Surroundings } from "./surroundings";
import { allTools, type Tool, type ToolName } from "./tools";
import { withLabels, Words } from "./words.svelte";

const EDITING: ReadonlySet<ToolName> = new Set(["brush", "eraser", "lasso", "polygon"]);

export class Workspace {
  project = $state.raw<Project | null>(null);
  labels = $state.raw<readonly Label[]>([]);
  catalogue = $state.raw<CatalogueNow>({ images: [], total: 0, state: "", text: "" });
  open = $state.raw<OpenNow | null>(null);
  now = $state.raw<ImageNow<Region> | null>(null);
  draft = $state.raw<DraftingNow | null>(null);
  settings = $state.raw<SettingValues>(null!);
  waiting = $state("");
  /** Whether the server does not answer. */
  isAway = $state(false);
  nudged = $state(false);
  /** What is good to know, and no fault. */
  notice = $state("");
  /** Why the image is only shown; null if it can be changed. */
  onlyShown = $state.raw<OnlyShown | null>(null);
  isSignedOut = $state(false);
  /** What is to be answered before the work goes on. */
  question = $state.raw<Question | null>(null);
  toolName = $state<ToolName>("click");
  /** Whether the next image begins with the same tool. */
  keepsTool = $state(false);
  hidden = $state.raw<ReadonlySet<string>>(new Set());
  /** Changes when the keys do. */
  keys = $state.raw<object>({});

  readonly client = new Client();
  readonly complaints: Complaints = new Complaints(() => this.around.isThere());
  readonly model = new Model(this.client);
  readonly selection = new Selection(
    () => this.open?.image,
    () => this.clock,
  );
  readonly nextLabel = new NextLabel(tabStorage());
  readonly preview = new Preview();
  readonly suggestions = new Suggestions(this.client);
  readonly alike = new Alike(this);
  readonly words: Words = new Words(this);
  readonly review = new Review(this.client);
  readonly rounds = new Rounds(this, (imageId) => this.desk!.close(imageId));
  readonly shortcuts = new Shortcuts({ storage: browserStorage(), isMac: isMac() });
  readonly tools: Readonly<Record<ToolName, Tool>> = allTools();
  clock: EffortClock;
  private readonly kept = new Settings(browserStorage());
  private readonly list = new Catalogue(this.client);
  private readonly colours = new MaskColours();
  readonly opening = new Opening(
    this,
    () => this.desk!,
    this.list,
    () => this.colours.clear(),
  );
  private readonly around = new Surroundings(this, this.list, () => this.desk);
  readonly saving = new Saving(
    this,
    () => this.desk,
    () => this.around.isThere(),
  );
  private desk: Desk<Region> | null = null;
  private seen: LastSeen | null = null;

  constructor() {
    this.clock = this.newClock(null);
    this.kept.follow(window);
    follow(this.kept, (values) => (this.settings = values));
    follow(this.list.now, (now) => (this.catalogue = now));
    follow(this.model.waiting, (words) => (this.waiting = words));
    follow(this.shortcuts, () => (this.keys = {}));
    follow(this.client.isSignedOut, (is) => {
      this.isSignedOut = is;
      if (is) void forgetSeen(this.seen);
    });
  }

  /** Begin: with the image that the address names, else with the next one to work on. */
  async start(): Promise<void> {
    this.around.watch();
    const named = Number(new URLSearchParams(location.hash.slice(1)).get("image"));
    this.seen = await LastSeen.open();
    const { project, first } = await beginning(this.client, this.list, this.seen, named);
    this.project = project;
    this.setLabels(project.labels);
    this.nextLabel.restore(project);
    this.clock = this.newClock(project.model_id);
    this.clock.watch(document);
    this.desk = await Desk.start(this.client, CODEC, project, this.seen);
    this.saving.watch(this.desk);
    this.around.watchModel();
    void this.alike.look().catch(() => {}); // it is no part of the beginning
    if (project.signed_in) this.around.watchOthers();
    await this.rounds.start(first);
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
      .then(() => this.complaints.clear())
      .catch((error: Error) => this.complain(error));
  }

  // --- images

  openImage(id: number, takeOver = false): Promise<void> {
    return this.opening.open(id, takeOver);
  }

  async step(by: 1 | -1): Promise<void> {
    await this.rounds.step((id) => this.list.neighbour(id, by));
  }

  /** The store is another than the page knows, as after an import. */
  async refresh(): Promise<void> {
    await this.around.reread();
    if (this.open) await this.openImage(this.open.image.id);
  }

  /** Note that the file of an image can't be read. */
  noteFault(id: number, fault: string): void {
    this.list.update({ id, state: "unreadable", fault });
    void this.lookAround();
  }

  /** See what others did meanwhile, and which files can be read. */
  lookAround(): Promise<void> {
    return this.around.lookAround();
  }

  filter(state: ImageState | "", text: string): void {
    this.attempt(() => this.list.filter(state, text));
  }

  more(): void {
    this.attempt(() => this.list.more());
  }

  /** Get out. What was not sent stays in this browser for when the same person is back. */
  async signOut(): Promise<void> {
    await this.client.signOut();
    await forgetSeen(this.seen);
    location.reload();
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
    if (!this.drafting?.accept(this.nextLabel.id)) return;
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
    this.notice = "";
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

  /** Label the selected masks, or else the next. keeps: and those of the next images. */
  chooseLabel(labelId: number | null, keeps = this.nextLabel.keeps): void {
    if (this.selection.size) this.attempt(() => this.selection.label(labelId));
    else this.nextLabel.choose(labelId, keeps);
  }

  async addLabel(name: string): Promise<void> {
    await this.putLabels(withLabels(this.labels, [name]));
    this.chooseLabel(this.labels.find((made) => made.name === name)?.id ?? null);
  }

  /** Change labels, add those without an id, take away those that no mask has. */
  async putLabels(labels: readonly LabelDraft[], remove: readonly number[] = []): Promise<void> {
    this.setLabels(await this.client.putLabels(labels, remove));
    if (!this.labels.some(({ id }) => id === this.nextLabel.id)) this.nextLabel.choose(null, false);
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
        this.suggestions.clear();
        this.notice = "Nothing was found there that is not a mask already.";
      }
    } finally {
      this.waiting = "";
    }
  }

  /** Accept all suggestions, or those of the ids; a label that is not there yet is made first. */
  acceptSuggested(ids?: ReadonlySet<string>): void {
    const accept = () => {
      const facts = { ids, labels: this.labels, labelId: this.nextLabel.id };
      if (this.open)
        this.suggestions.accept(this.open.image, { ...facts, effort: this.clock.take() });
    };
    const missing = this.words.missing(this.suggestions.newLabels(ids));
    if (!missing.length) accept();
    else this.attempt(() => this.words.makeLabels(missing).then(accept));
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

  setLabels(labels: readonly Label[]): void {
    this.labels = labels;
    this.shortcuts.setLabels(labels);
  }

  complain(error: Error): void {
    void this.complaints.show(error).then((away) => (this.notice = away || this.notice));
  }
}

const CODEC = { encode: encodeRle, decode: decodeRle };

function follow<T>(readable: Readable<T>, run: (value: T) => void): () => void {
  return readable.subscribe(run);
}
