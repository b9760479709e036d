// What the server and the page say to each other, as JSON: snake_case, times as ISO 8601.

export type ImageState =
  "new" | "started" | "done" | "returned" | "accepted" | "skipped" | "unreadable";
export type Role = "annotator" | "reviewer" | "admin";

/** COCO's compressed run lengths, of the upright original image. */
export interface Segmentation {
  /** Height, width. */
  readonly size: readonly [number, number];
  readonly counts: string;
}

/** Left, top, width, height in pixels of the original image. */
export type BboxXywh = readonly [number, number, number, number];

export interface Label {
  readonly id: number;
  readonly name: string;
  /** `#rrggbb` */
  readonly color: string;
  readonly hotkey: string | null;
}

/** A label to keep; without an id it is a new one. */
export type LabelDraft = Omit<Label, "id"> & { readonly id: number | null };

export interface Annotator {
  readonly id: number;
  readonly name: string;
  readonly role: Role;
}

/** folder: where a browser gets it, from the page's own on. */
export interface ModelInUse {
  readonly id: string;
  readonly folder: string;
}

export interface Project {
  /** Of the store, made with it: two folders of one name are two projects. */
  readonly id: string;
  readonly name: string;
  readonly annotator: Annotator;
  /** Whether a token says who asks; one person on loopback needs none. */
  readonly signed_in: boolean;
  readonly model_id: string;
  readonly labels: readonly Label[];
  readonly counts: Readonly<Record<ImageState, number>>;
  readonly images: number;
  readonly masks: number;
  readonly review: boolean;
  readonly version: string;
}

// --- images

export interface LeaseHolder {
  readonly annotator: string;
  readonly expires_at: string;
}

export interface ImageSummary {
  readonly id: number;
  /** The file's path in the folder, with `/`. */
  readonly name: string;
  readonly width: number | null;
  readonly height: number | null;
  readonly state: ImageState;
  /** How many masks it has. */
  readonly masks: number;
  /** How many more are suggested. */
  readonly suggestions: number;
  /** How many actions it has had. */
  readonly revision: number;
  readonly lease: LeaseHolder | null;
  /** Whose work it is: who acted last, but for a review. */
  readonly annotator: string | null;
  readonly updated_at: string;
  /** Why its file can't be read; null where nothing is known to be wrong with it. */
  readonly fault: string | null;
}

export interface ImagePage {
  readonly images: readonly ImageSummary[];
  /** The `after` of the next page. */
  readonly next: string | null;
  readonly total: number;
}

export interface ImageQuery {
  readonly state?: ImageState | undefined;
  readonly label?: number | undefined;
  /** Whose work it is. */
  readonly annotator?: number | undefined;
  readonly text?: string | undefined;
  readonly after?: string | undefined;
  readonly limit?: number | undefined;
}

/** What a mask was at some time; never changed. */
export interface Version {
  readonly id: string;
  readonly segmentation: Segmentation;
  readonly bbox: BboxXywh;
  readonly area: number;
  readonly label_id: number | null;
  readonly group: string | null;
  /** Higher ones lie over lower ones. */
  readonly order: number;
  /** How it was made, such as `model`, `brush`, `import`. */
  readonly source: string;
  readonly predicted_iou: number | null;
  /** Of a mask that was found automatically. */
  readonly stability_score?: number | null;
  /** By the engine: no mask yet, until somebody accepts it. */
  readonly is_suggested: boolean;
}

export interface Mask {
  readonly id: string;
  readonly version: Version;
}

export interface ImageDocument extends Omit<ImageSummary, "masks"> {
  /** SHA-256 of the file. */
  readonly file: string;
  /** Whether it lies in the place of the one that the masks were drawn on. */
  readonly is_replaced: boolean;
  readonly masks: readonly Mask[];
  readonly log: readonly LogEntry[];
  readonly notes: readonly Note[];
  /** Whether its automatic masks are to be corrected for an audit. */
  readonly is_audited: boolean;
}

// --- actions

/** What can be undone, also where the engine did it by itself. */
export type DoneKind =
  | "add"
  | "edit"
  | "delete"
  | "merge"
  | "split"
  | "duplicate"
  | "reorder"
  | "label"
  | "import"
  | "accept"
  | "reject"
  | "automatic";
/** What the engine does; nobody undoes it. */
export type EngineKind = "suggest" | "withdraw" | "automatic";
export type ActionKind = DoneKind | EngineKind | "undo" | "redo" | "state";

/** One mask's part in an action, with what it becomes. */
export interface Change {
  readonly mask_id: string;
  /** The version that is replaced; null where there was no mask. */
  readonly before: string | null;
  /** null deletes the mask. */
  readonly after: Version | null;
}

/** Which of the three masks of an ambiguous click: whole, part, subpart. */
export type Chosen = 0 | 1 | 2;

/** Something that the annotator did, at a time on the mask's clock. */
export type EffortEvent = { readonly t_s: number } & (
  | { readonly kind: "click"; readonly x: number; readonly y: number; readonly add: boolean }
  | { readonly kind: "box"; readonly box: readonly [number, number, number, number] }
  | {
      readonly kind: "stroke" | "lasso";
      readonly add: boolean;
      readonly points: readonly (readonly [number, number])[];
      readonly diameter?: number;
    }
  | { readonly kind: "choose"; readonly chosen: Chosen | null }
  | { readonly kind: "undo" | "redo" | "clear" | "fill holes" | "drop islands" | "polygon" }
);

/** What an action took (*Segment Anything* §4). */
export interface Effort {
  readonly seconds: number;
  readonly clicks_add: number;
  readonly clicks_remove: number;
  readonly boxes: number;
  readonly strokes: number;
  readonly chosen: Chosen | null;
  readonly model_id: string | null;
  readonly events: readonly EffortEvent[];
}

export interface Action {
  readonly id: string;
  readonly kind: ActionKind;
  /** The action that is undone or redone. */
  readonly target: string | null;
  /** By the annotator's clock and in their zone: it tells the day that the work counts for. */
  readonly at: string;
  /** Each mask once. */
  readonly changes: readonly Change[];
  readonly effort: Effort;
  /** Of kind `state` alone. */
  readonly state?: ImageState;
}

/** An action as the server keeps it; its versions are named, not repeated. */
export interface LogEntry {
  readonly id: string;
  readonly number: number;
  readonly kind: ActionKind;
  readonly target: string | null;
  readonly state: ImageState | null;
  readonly annotator: string;
  readonly at: string;
  readonly changes: readonly LogChange[];
}

export interface LogChange {
  readonly mask_id: string;
  readonly before: string | null;
  readonly after: string | null;
}

export interface Applied {
  readonly revision: number;
  readonly applied: readonly string[];
}

export interface Lease {
  readonly token: string;
  readonly expires_at: string;
  readonly revision: number;
}

// --- review

/** A reviewer's words, pinned to a place. */
export interface Note {
  /** A uuid, made by whoever makes the note. */
  readonly id: string;
  readonly x: number;
  readonly y: number;
  readonly text: string;
  readonly annotator: string;
  readonly created_at: string;
  readonly is_resolved: boolean;
}

export type NoteDraft = Pick<Note, "id" | "x" | "y" | "text">;
export type NotePatch = Pick<Note, "is_resolved">;

// --- the team

/** Somebody who works here, or did. */
export interface Member extends Annotator {
  readonly is_active: boolean;
}

export type MemberPatch = Partial<Pick<Member, "role" | "is_active">>;

/** A new token, told this once. */
export interface Invitation {
  readonly member: Member;
  readonly token: string;
}

/** The stages of *Segment Anything* §4. */
export type EngineStage = "assisted-manual" | "semi-automatic" | "fully-automatic";

/** What was done in a stage on a day by an annotator with a model; null: of all of them. */
export interface Tally {
  readonly stage: EngineStage | null;
  readonly day: string | null;
  readonly annotator: string | null;
  readonly model_id: string | null;
  readonly images: number;
  readonly masks: number;
  readonly removed: number;
  /** Of the masks, those that no person drew. */
  readonly automatic: number;
  readonly rejected: number;
  readonly actions: number;
  readonly seconds: number;
  readonly clicks_add: number;
  readonly clicks_remove: number;
  readonly boxes: number;
  readonly strokes: number;
  readonly chosen: readonly [number, number, number];
  /** The figures of *Segment Anything* §4; null where there are none. */
  readonly seconds_per_mask: number | null;
  readonly seconds_per_drawn_mask: number | null;
  readonly masks_per_image: number | null;
  readonly share_automatic: number | null;
}

/** What was done in a stage; an image is counted once there. */
export interface StageFigures {
  readonly stage: EngineStage;
  readonly tally: Tally;
  /** Suggested masks that people accepted. */
  readonly accepted: number;
  readonly share_accepted: number | null;
}

/** How the search for what is like a mask stands. */
export interface AlikeSearch {
  readonly state: "idle" | "running" | "ended" | "stopped" | "failed";
  /** The label of what is sought, or "a mask". */
  readonly sought: string;
  readonly done: number;
  readonly total: number;
  /** Masks that are suggested, and in how many images. */
  readonly found: number;
  readonly images: number;
  /** Which models look. */
  readonly answered_by: string;
  /** Why it failed. */
  readonly note: string;
}

/** The engine's last work of a kind. */
export interface Run {
  readonly kind: "prefill" | "automatic" | "retrain" | "audit" | "detector" | "choose" | "like";
  readonly state: "running" | "ended" | "stopped" | "failed" | "lost";
  readonly started_at: string;
  readonly ended_at: string | null;
  readonly done: number;
  readonly total: number | null;
}

export interface Status {
  /** One, or none before anything was done. */
  readonly total: readonly Tally[];
  readonly by_day: readonly Tally[];
  readonly by_annotator: readonly Tally[];
  readonly by_model: readonly Tally[];
  readonly by_stage: readonly StageFigures[];
  /** The one that the project is in. */
  readonly stage: EngineStage;
  /** The last of each kind, the latest first. */
  readonly runs: readonly Run[];
}

// --- the model on the server

export interface Suggestion {
  readonly segmentation: Segmentation;
  readonly bbox: BboxXywh;
  readonly area: number;
  readonly predicted_iou: number;
}

/** A mask of what words name; `predicted_iou` is the chance that it is such a thing. */
export interface NamedSuggestion extends Suggestion {
  /** The name of its label. */
  readonly label: string;
  /** null where there is no label of that name yet. */
  readonly label_id: number | null;
}

/** What words name in an image, the likeliest first. */
export interface WordsFound {
  readonly masks: readonly NamedSuggestion[];
  /** Why there are none, or no more. */
  readonly reasons: readonly string[];
  readonly answered_by: string;
}

/** Corners left, top, right, bottom. */
export type BoxXyxy = readonly [number, number, number, number];

export interface DecodeRequest {
  readonly points: readonly { readonly x: number; readonly y: number; readonly label: 0 | 1 }[];
  readonly box: BoxXyxy | null;
}

// --- files of other tools

export const EXPORT_FORMATS = [
  "coco",
  "coco-polygons",
  "yolo",
  "sa1b",
  "labelme",
  "label-studio",
  "label-studio-polygons",
  "cvat",
  "png-instances",
  "png-classes",
  "png-objects",
] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

/** What a format does not keep of all images that were worked on. */
export interface ExportLosses {
  readonly images: number;
  readonly masks: number;
  /** A sentence for each loss; empty if all is kept. */
  readonly lines: readonly string[];
}

/** What an import did, or would do. */
export interface ImportReport {
  readonly images: number;
  readonly masks: number;
  /** Masks that were there. */
  readonly already: number;
  /** Names of new ones. */
  readonly labels: readonly string[];
  /** Images that are not in the folder. */
  readonly missing: number;
  /** A sentence for each thing, the most important first. */
  readonly lines: readonly string[];
}

// --- errors

export type ErrorKind =
  | "conflict"
  | "lease"
  | "not_found"
  | "forbidden"
  | "invalid"
  | "busy"
  | "newer"
  | "signed_out"
  | "storage";

export interface ErrorBody {
  /** A line for people. */
  readonly error: string;
  readonly kind: ErrorKind;
  /** Of kind `lease`: who holds it. */
  readonly lease?: LeaseHolder | null;
}
