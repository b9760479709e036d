// The tools by their names.

import { BoxTool, ClickTool, EverythingTool } from "./click";
import { PolygonTool } from "./polygon";
import { NoteTool, PanTool, SelectTool } from "./select";
import { BrushTool, KnifeTool, LassoTool } from "./strokes";
import type { Tool } from "./tool";

export { type Bench, removes, type Tool } from "./tool";

export const TOOL_NAMES = [
  "click", "box", "everything", "brush", "eraser", "lasso", "polygon", "knife", "select", "note", "pan",
] as const; // prettier-ignore
export type ToolName = (typeof TOOL_NAMES)[number];

export function allTools(): Readonly<Record<ToolName, Tool>> {
  return {
    click: new ClickTool(),
    box: new BoxTool(),
    everything: new EverythingTool(),
    brush: new BrushTool(false),
    eraser: new BrushTool(true),
    lasso: new LassoTool(),
    polygon: new PolygonTool(),
    knife: new KnifeTool(),
    select: new SelectTool(),
    note: new NoteTool(),
    pan: new PanTool(),
  };
}
