// Whether what was done is safe, in the words of the banner.

import type { LeaseHolder } from "../api/types";

export interface Waiting {
  /** Actions that the server has not acknowledged. */
  readonly waiting: number;
  /** Whether they survive the end of the page; if not, it should not be closed. */
  readonly isKept: boolean;
}

export type SaveState = Waiting &
  ({ readonly kind: "saved" } | { readonly kind: "saving" } | Unsaved | Block);

/** Nothing is saved for now; it is tried again without a person. */
export interface Unsaved {
  readonly kind: "offline";
  readonly since: Date;
  readonly reason: string;
  /** Whether the server answers: then it is its store that fails. */
  readonly isAnswered: boolean;
}

/** Why an image's actions are not sent until somebody decides. */
export type Block =
  | { readonly kind: "conflict"; readonly imageId: number }
  | { readonly kind: "lease lost"; readonly imageId: number; readonly holder: LeaseHolder | null }
  | { readonly kind: "refused"; readonly imageId: number; readonly reason: string };
