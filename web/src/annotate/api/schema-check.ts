// That the types of this folder are those of the server's schema: what it answers is what we read,
// what we send is what it takes. Only the compiler looks at this.

import type { components } from "./schema";
import type * as types from "./types";

type Schemas = components["schemas"];

/** Fails to compile unless the one can stand for the other. */
type Fits<Given extends Wanted, Wanted> = Given;

/** What the server answers, by our names for it. */
export type Answers = [
  Fits<Schemas["AlikeSearch"], types.AlikeSearch>,
  Fits<Schemas["Applied"], types.Applied>,
  Fits<Schemas["ErrorBody"], types.ErrorBody>,
  Fits<Schemas["ExportLosses"], types.ExportLosses>,
  Fits<Schemas["ImageDocument"], types.ImageDocument>,
  Fits<Schemas["ImagePage"], types.ImagePage>,
  Fits<Schemas["ImageSummary"], types.ImageSummary>,
  Fits<Schemas["Invitation"], types.Invitation>,
  Fits<Schemas["ImportReport"], types.ImportReport>,
  Fits<Schemas["Label"], types.Label>,
  Fits<Schemas["Lease"], types.Lease>,
  Fits<Schemas["LeaseErrorBody"], types.ErrorBody>,
  Fits<Schemas["LogEntry"], types.LogEntry>,
  Fits<Schemas["Mask"], types.Mask>,
  Fits<Schemas["Member"], types.Member>,
  Fits<Schemas["ModelInUse"], types.ModelInUse>,
  Fits<Schemas["Note"], types.Note>,
  Fits<Project, types.Project>,
  Fits<Schemas["Status"], types.Status>,
  Fits<Schemas["Suggestion"], types.Suggestion>,
  Fits<Schemas["Version"], types.Version>,
  Fits<Schemas["WordsFound"], types.WordsFound>,
];

/** What we send, by the server's names for it. */
export type Requests = [
  Fits<Plain<types.Action>, Schemas["Action"]>,
  Fits<types.DecodeRequest, Schemas["DecodeRequest"]>,
  Fits<types.LabelDraft, Schemas["LabelDraft"]>,
  Fits<types.NoteDraft, Schemas["NoteDraft"]>,
  Fits<types.NotePatch, Schemas["NotePatch"]>,
];

// OpenAPI can't say that a table has all keys of a kind.
type Project = Omit<Schemas["Project"], "counts"> & Pick<types.Project, "counts">;

// Nor do its objects with any keys take ours, whose keys are known.
type Plain<A extends types.Action> = Omit<A, "effort"> & {
  readonly effort: Omit<A["effort"], "events"> & Pick<Schemas["Effort"], "events">;
};
