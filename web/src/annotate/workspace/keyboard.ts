// What keys do, by the names of their shortcuts.

import type { Move, ShortcutName } from "../document";
import type { Place } from "../../regions";
import { Camera, type Stage } from "../view";
import type { ToolName } from "./tools";
import type { Workspace } from "./workspace.svelte";

const ZOOM = 1.25;
const STEP_PX = 16; // of the screen, that the cross goes
const LARGER = 1.25;

/** The parts of the screen that keys reach. */
export interface Screen {
  readonly stage: Stage | undefined;
  cross: Place | null;
  isBare: boolean;
  isPanning: boolean;
  help(): void;
  focusLabels(): void;
}

type Act = (work: Workspace, screen: Screen) => unknown;

const chooseTool =
  (name: ToolName): Act =>
  (work) =>
    work.choose(name);

const zoom =
  (factor: number): Act =>
  (_, { stage }) => {
    if (stage) stage.camera = stage.camera.zoomed(factor, middleOf(stage.camera));
  };

const moveCross =
  (dx: number, dy: number, byPixel: boolean): Act =>
  (work, screen) => {
    const { stage } = screen;
    if (!stage || !work.open) return;
    const step = byPixel ? 1 : Math.max(STEP_PX / stage.camera.scale, 1);
    const [x, y] = screen.cross ?? stage.camera.centre;
    const { width, height } = work.open.size;
    const clamp = (at: number, side: number) => Math.min(Math.max(at, 0.5), side - 0.5);
    screen.cross = [clamp(x + dx * step, width), clamp(y + dy * step, height)];
  };

const clickAtCross =
  (label: 0 | 1): Act =>
  (work, screen) => {
    const { stage } = screen;
    if (!stage) return;
    screen.cross ??= stage.camera.centre;
    work.preview.clear();
    work.drafting?.click(...screen.cross, label);
  };

let corner: Place | null = null; // of a box that the keyboard draws

const boxAtCross: Act = (work, screen) => {
  const { cross } = screen;
  if (!cross) return;
  if (!corner) {
    corner = cross;
    return;
  }
  const [[x0, y0], [x1, y1]] = [corner, cross];
  corner = null;
  if (x0 === x1 || y0 === y1) return;
  work.drafting?.box([Math.min(x0, x1), Math.min(y0, y1), Math.max(x0, x1), Math.max(y0, y1)]);
};

const brush =
  (factor: number): Act =>
  (work) =>
    work.set({ brushDiameter: work.settings.brushDiameter * factor });

const opacity =
  (by: number): Act =>
  (work) =>
    work.set({ maskOpacity: work.settings.maskOpacity + by });

const writeWords: Act = () => {
  const field = document.querySelector<HTMLInputElement>(".words input");
  field?.focus();
  field?.select();
};

const reorder =
  (move: Move): Act =>
  (work) =>
    work.selection.reorder(move);

const pinNote: Act = (work, screen) => {
  work.choose("note");
  if (screen.cross) work.review.writing = screen.cross;
};

const nextNote: Act = (work, { stage }) => {
  const place = work.review.next();
  if (place) show(stage, place);
};

export const ACTS: Readonly<Record<ShortcutName, Act>> = {
  "tool.click": chooseTool("click"),
  "tool.box": chooseTool("box"),
  "tool.brush": chooseTool("brush"),
  "tool.eraser": chooseTool("eraser"),
  "tool.lasso": chooseTool("lasso"),
  "tool.polygon": chooseTool("polygon"),
  "tool.select": chooseTool("select"),
  "tool.knife": chooseTool("knife"),
  "tool.everything": chooseTool("everything"),
  "words.write": writeWords,
  "tool.pan": (_, screen) => (screen.isPanning = true),
  "brush.larger": brush(LARGER),
  "brush.smaller": brush(1 / LARGER),

  "mask.accept": (work) => work.accept(),
  "mask.discard": (work) => work.discard(),
  "suggested.accept": (work) => work.acceptSuggested(work.suggestions.first),
  "suggested.reject": (work) => work.rejectSuggested(work.suggestions.first),
  "mask.next": (work) => work.drafting?.next(1),
  "mask.previous": (work) => work.drafting?.next(-1),
  "cross.add": clickAtCross(1),
  "cross.remove": clickAtCross(0),
  "cross.corner": boxAtCross,
  "cross.up": moveCross(0, -1, false),
  "cross.down": moveCross(0, 1, false),
  "cross.left": moveCross(-1, 0, false),
  "cross.right": moveCross(1, 0, false),
  "cross.up-1": moveCross(0, -1, true),
  "cross.down-1": moveCross(0, 1, true),
  "cross.left-1": moveCross(-1, 0, true),
  "cross.right-1": moveCross(1, 0, true),
  "mask.fill-holes": (work) => work.fillHoles(),
  "mask.drop-islands": (work) => work.dropIslands(),

  undo: (work) => work.undo(),
  redo: (work) => work.redo(),
  "masks.next": (work) => work.selection.step(1),
  "masks.previous": (work) => work.selection.step(-1),
  "masks.all": (work) => work.selection.all(),
  "masks.refine": (work) => work.refine(),
  "masks.alike": (work) => work.alike.find(),
  "masks.delete": (work) => work.selection.delete(),
  "masks.duplicate": (work) => work.selection.duplicate(),
  "masks.merge": (work) => work.selection.merge(),
  "masks.split": (work) => work.selection.split(),
  "masks.forward": reorder("forward"),
  "masks.backward": reorder("backward"),
  "masks.front": reorder("front"),
  "masks.back": reorder("back"),
  "masks.label": (_, screen) => screen.focusLabels(),
  "masks.group": (work) => work.selection.group(),
  "masks.ungroup": (work) => work.selection.ungroup(),

  "view.in": zoom(ZOOM),
  "view.out": zoom(1 / ZOOM),
  "view.fit": (work, { stage }) => fit(work, stage),
  "view.pixels": (_, { stage }) => {
    if (stage) stage.camera = stage.camera.scaled(1, middleOf(stage.camera));
  },
  "view.outline": (work) => work.set({ isOutlineOnly: !work.settings.isOutlineOnly }),
  "view.image": (_, screen) => (screen.isBare = true),
  "view.opacity-up": opacity(0.1),
  "view.opacity-down": opacity(-0.1),
  "view.help": (_, screen) => screen.help(),

  "image.next": (work) => work.step(1),
  "image.previous": (work) => work.step(-1),
  "image.done": (work) => work.rounds.finish("done"),
  "image.skip": (work) => work.rounds.finish("skipped"),
  "image.save": (work) => work.saving.now(),

  "tool.note": pinNote,
  "note.next": nextNote,
  "review.accept": (work) => work.rounds.accept(),
  "review.return": (work) => work.rounds.return(),
};

/** Bring a place into view, if it is not. */
export function show(stage: Stage | undefined, place: Place): void {
  if (!stage) return;
  const { camera } = stage;
  const [x, y] = camera.toScreen(place);
  const { width, height } = camera.view;
  if (x > 0 && y > 0 && x < width && y < height) return;
  stage.camera = camera.panned(width / 2 - x, height / 2 - y);
}

/** Show the image as large as it fits. */
export function fit(work: Workspace, stage: Stage | undefined): void {
  if (stage && work.open) stage.camera = Camera.fit(work.open.size, stage.camera.view);
}

function middleOf({ view }: Camera): Place {
  return [view.width / 2, view.height / 2];
}
