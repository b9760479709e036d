// What to do next, in a line.

import type { ToolName } from "./tools";
import type { Workspace } from "./workspace.svelte";

const ASKING: ReadonlySet<ToolName> = new Set(["click", "box"]);

/** What the line at the bottom says, the most pressing first. */
export function hintOf(work: Workspace): string {
  const { draft } = work;
  if (work.notice) return work.notice;
  if (work.waiting) return work.waiting;
  if (draft?.isAsking) return "Asking the model. Enter accepts its answer when it comes.";
  if (work.nudged) return "Half a minute on this mask: accept it as it is, or go on to the next.";
  if (draft && draft.answers.length > 1)
    return "Tab (or the wheel over the answers) goes through whole, part and subpart. Enter accepts.";
  if (draft?.region && ASKING.has(work.toolName))
    return "Click to add, right click to take away. Enter accepts.";
  return work.tool.hint;
}
