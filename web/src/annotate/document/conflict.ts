// Two people changed one mask: what each made of it, and how the page's own actions go on after a
// choice. Nothing here is lost without somebody's word.

import type { Action, ActionKind, Change, Version } from "../api/types";
import type { Masks } from "./log";
import { uuid4 } from "./uuid";

/** null: deleted. */
export interface MaskConflict {
  readonly maskId: string;
  readonly theirs: Version | null;
  readonly mine: Version | null;
}

/** `mine` goes on top of theirs, `both` makes mine a new mask beside theirs. */
export type Choice = "mine" | "theirs" | "both";

export type Choices = ReadonlyMap<string, Choice>;

/**
 * The masks that waiting actions do not find as they left them, and that a person has to choose for.
 *
 * server: the masks as the server has them, without the waiting actions.
 */
export function conflicts(server: Masks, waiting: readonly Action[]): MaskConflict[] {
  return touched(waiting)
    .map(({ maskId, base, mine }) => ({ maskId, base, mine, theirs: server.get(maskId) ?? null }))
    .filter(({ base, mine, theirs }) => idOf(theirs) !== base && !isSettled(base, mine, theirs))
    .map(({ maskId, theirs, mine }) => ({ maskId, theirs, mine }));
}

/**
 * The waiting actions as they go on from what the server has.
 *
 * Those that a choice changes get new ids, and the kind that their changes still are. Undo and redo
 * become what they do, since what they turn back need not be the last action any more. An action
 * without a change left is gone.
 */
export function rebase(server: Masks, waiting: readonly Action[], choices: Choices): Action[] {
  const rebasing = new Rebasing(server, waiting, choices);
  return waiting.map((action) => rebasing.action(action)).filter((action) => action !== null);
}

class Rebasing {
  private readonly now: Map<string, string | null>; // the version of each mask
  private readonly settled: ReadonlySet<string>;
  private readonly newMasks = new Map<string, string>();
  private readonly newVersions = new Map<string, string>();

  constructor(
    server: Masks,
    waiting: readonly Action[],
    private readonly choices: Choices,
  ) {
    this.now = new Map([...server].map(([id, version]) => [id, version.id]));
    const settled = touched(waiting).filter(({ maskId, base, mine }) => {
      const theirs = server.get(maskId) ?? null;
      return idOf(theirs) !== base && isSettled(base, mine, theirs);
    });
    this.settled = new Set(settled.map(({ maskId }) => maskId));
  }

  action(action: Action): Action | null {
    if (action.kind === "state") return action;
    const changes = action.changes.flatMap((change) => this.change(change) ?? []);
    if (!changes.length) return null;
    const isTurn = action.kind === "undo" || action.kind === "redo";
    const isWhole = changes.length === action.changes.length;
    if (!isTurn && isWhole && changes.every((change, i) => change === action.changes[i])) {
      return action;
    }
    return { ...action, id: uuid4(), kind: kindOf(action.kind, changes), target: null, changes };
  }

  private change(change: Change): Change | null {
    const choice = this.settled.has(change.mask_id) ? "theirs" : this.choices.get(change.mask_id);
    if (choice === "theirs") return null;
    const { mask_id, after } = choice === "both" ? this.beside(change) : change;
    const before = this.now.get(mask_id) ?? null;
    if (before === idOf(after)) return null;
    this.now.set(mask_id, idOf(after));
    const isSame = mask_id === change.mask_id && before === change.before;
    return isSame ? change : { mask_id, before, after };
  }

  /** The change as one of another mask, whose versions are its own. */
  private beside({ mask_id, after }: Change): Pick<Change, "mask_id" | "after"> {
    const id = renamed(this.newMasks, mask_id);
    return { mask_id: id, after: after && { ...after, id: renamed(this.newVersions, after.id) } };
  }
}

/** What changes are that were an action of a kind: that, if it does such things. */
function kindOf(kind: ActionKind, changes: readonly Change[]): ActionKind {
  const create = changes.some(({ before }) => before === null);
  const remove = changes.some(({ after }) => after === null);
  const alter = changes.some(({ before, after }) => before !== null && after !== null);
  if (kind === "merge" || kind === "split") return kind;
  if (create && (alter || remove)) return "split"; // as undoing a merge does
  if (remove && alter) return "merge";
  if (create) return kind === "duplicate" ? kind : "add";
  if (remove) return "delete";
  return kind === "label" || kind === "reorder" ? kind : "edit";
}

/** Each mask of the actions, with its version before and after all of them. */
function touched(actions: readonly Action[]) {
  const masks = new Map<string, { maskId: string; base: string | null; mine: Version | null }>();
  for (const { mask_id, before, after } of actions.flatMap(({ changes }) => changes)) {
    const base = masks.has(mask_id) ? masks.get(mask_id)!.base : before;
    masks.set(mask_id, { maskId: mask_id, base, mine: after });
  }
  return [...masks.values()];
}

/** Whether theirs says it all: mine came back to what it was, or both are the same. */
function isSettled(base: string | null, mine: Version | null, theirs: Version | null): boolean {
  if (idOf(mine) === base) return true;
  if (!mine || !theirs) return mine === theirs;
  const isAlike = (["label_id", "group", "order"] as const).every(
    (name) => mine[name] === theirs[name],
  );
  return isAlike && mine.segmentation.counts === theirs.segmentation.counts;
}

function idOf(version: Version | null): string | null {
  return version?.id ?? null;
}

function renamed(names: Map<string, string>, old: string): string {
  if (!names.has(old)) names.set(old, uuid4());
  return names.get(old)!;
}
