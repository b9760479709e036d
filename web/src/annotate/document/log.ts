// What an image's log says: what can be undone and redone, and what each step did to the masks.

import type { Action, ActionKind, Change, ImageState, LogEntry, Version } from "../api/types";

/** What the stacks depend on. */
export interface LoggedStep {
  readonly id: string;
  readonly kind: ActionKind;
  readonly target: string | null;
}

const UNTOUCHED: ReadonlySet<ActionKind> = new Set(["state", "suggest", "withdraw", "automatic"]);

/** Ids of actions; the next to be undone or redone is the last. */
export interface Stacks {
  readonly undo: readonly string[];
  readonly redo: readonly string[];
}

/**
 * What can be undone and redone, from the log alone, so that it survives everything that the log
 * does. Something done can be undone, and ends what could be redone; undo and redo move the last
 * action between the stacks. A new state of the image is neither, nor is what the engine does.
 */
export function stacks(log: Iterable<LoggedStep>): Stacks {
  const undo: string[] = [];
  let redo: string[] = [];
  for (const { id, kind, target } of log) {
    if (kind === "undo") move(undo, redo, target);
    else if (kind === "redo") move(redo, undo, target);
    else if (!UNTOUCHED.has(kind)) {
      undo.push(id);
      redo = [];
    }
  }
  return { undo, redo };
}

/** A target that is not the last is nothing that the server takes: it moves nothing. */
function move(from: string[], to: string[], target: string | null): void {
  if (from.length && from.at(-1) === target) to.push(from.pop()!);
}

/** What an image of a state is after an action, with which its log ends. */
export function stateAfter(
  state: ImageState,
  { kind, state: given }: Pick<Action, "kind" | "state">,
  log: readonly LoggedStep[],
): ImageState {
  if (given) return given;
  const isTakenBack = kind === "undo" && state === "started" && !stacks(log).undo.length;
  if (isTakenBack) return "new";
  return state === "new" || state === "skipped" ? "started" : state;
}

/** The versions of an image's masks, by the masks' ids. */
export type Masks = ReadonlyMap<string, Version>;

/** Whether changes go on from what the masks are. */
export function fits(masks: Masks, changes: readonly Change[]): boolean {
  return changes.every(({ mask_id, before }) => (masks.get(mask_id)?.id ?? null) === before);
}

/** The masks after changes. */
export function changed(masks: Masks, changes: readonly Change[]): Map<string, Version> {
  const after = new Map(masks);
  for (const change of changes) {
    if (change.after) after.set(change.mask_id, change.after);
    else after.delete(change.mask_id);
  }
  return after;
}

/** An action as the log will name it; its number is known when the server has it. */
export function entryOf(action: Action, number: number, annotator: string): LogEntry {
  const { id, kind, target, at } = action;
  const changes = action.changes.map(({ mask_id, before, after }) => ({
    mask_id,
    before,
    after: after?.id ?? null,
  }));
  return { id, number, kind, target, state: action.state ?? null, annotator, at, changes };
}
