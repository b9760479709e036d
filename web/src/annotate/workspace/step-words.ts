// What undo and redo would do, in words.

import type { ActionKind, LogEntry } from "../api/types";
import type { DraftStep } from "../document";

type Words = (masks: string) => string;

const WORDS: Readonly<Record<ActionKind, Words>> = {
  add: (masks) => `accept ${masks}`,
  edit: (masks) => `change ${masks}`,
  delete: (masks) => `delete ${masks}`,
  merge: () => "merge masks",
  split: () => "split mask",
  duplicate: (masks) => `duplicate ${masks}`,
  reorder: () => "change order",
  label: (masks) => `label or group ${masks}`,
  import: (masks) => `import ${masks}`,
  accept: (masks) => `accept ${masks} suggested`,
  reject: (masks) => `reject ${masks} suggested`,
  // Not undone themselves.
  suggest: () => "suggest",
  withdraw: () => "withdraw",
  automatic: () => "find",
  undo: () => "undo",
  redo: () => "redo",
  state: () => "state",
};

/** Of a step of the image, such as "accept mask", "delete 3 masks". */
export function wordsOfEntry({ kind, changes }: Pick<LogEntry, "kind" | "changes">): string {
  const { length } = changes;
  return WORDS[kind](length === 1 ? "mask" : `${length.toLocaleString()} masks`);
}

/** Of a step of the mask in work. before: the step that it goes on from. */
export function wordsOfStep(step: DraftStep, before: DraftStep | null): string {
  if (step.maskId && !before) return "go on with mask";
  if (step.source !== "model") return step.source;
  if (step.points.length > (before?.points.length ?? 0)) return "click";
  const isBoxed = JSON.stringify(step.box) !== JSON.stringify(before?.box ?? null);
  return isBoxed ? "box" : "choice of whole or part";
}
