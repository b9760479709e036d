// The tools in the order in which they stand, and their icons.

import type { ToolName } from "../workspace/tools";
import type { IconName } from "./icons";

export const GROUPS: readonly (readonly ToolName[])[] = [
  ["click", "box", "everything"],
  ["brush", "eraser", "lasso", "polygon", "knife"],
  ["select", "pan"],
];
export const ICONS: Readonly<Record<ToolName, IconName>> = {
  click: "click",
  box: "box",
  everything: "everything",
  brush: "brush",
  eraser: "eraser",
  lasso: "lasso",
  polygon: "polygon",
  knife: "cut",
  select: "select",
  note: "note",
  pan: "pan",
};
