// What can be done by keyboard, and the keys that do it unless somebody chose others.

export type ShortcutGroup = "Tools" | "The mask in work" | "Masks" | "View" | "Images" | "Review";

export interface ShortcutFacts {
  readonly group: ShortcutGroup;
  /** For the cheat sheet. */
  readonly text: string;
  /** Chords, as chord.ts writes them; the first is shown. */
  readonly keys: readonly string[];
  /** Lasts as long as the key is down. */
  readonly isHeld?: boolean;
}

export const SHORTCUTS = {
  "tool.click": { group: "Tools", text: "Click", keys: ["C"] },
  "tool.box": { group: "Tools", text: "Box", keys: ["M"] },
  "tool.brush": { group: "Tools", text: "Brush", keys: ["B"] },
  "tool.eraser": { group: "Tools", text: "Eraser", keys: ["E"] },
  "tool.lasso": { group: "Tools", text: "Lasso", keys: ["L"] },
  "tool.polygon": { group: "Tools", text: "Edit the outline", keys: ["P"] },
  "tool.select": { group: "Tools", text: "Select", keys: ["V"] },
  "tool.knife": { group: "Tools", text: "Cut a mask in two", keys: ["K"] },
  "tool.everything": { group: "Tools", text: "Suggest everything", keys: ["W"] },
  "words.write": { group: "Tools", text: "Suggest what words name", keys: ["/"] },
  "tool.pan": { group: "Tools", text: "Move the image", keys: ["Space"], isHeld: true },
  "brush.larger": { group: "Tools", text: "Larger brush", keys: ["]"] },
  "brush.smaller": { group: "Tools", text: "Smaller brush", keys: ["["] },

  "mask.accept": { group: "The mask in work", text: "Accept", keys: ["Enter"] },
  "mask.discard": { group: "The mask in work", text: "Give up", keys: ["Escape"] },
  "suggested.accept": { group: "The mask in work", text: "Accept what is suggested", keys: ["Y"] },
  "suggested.reject": { group: "The mask in work", text: "Reject what is suggested", keys: ["U"] },
  "mask.next": { group: "The mask in work", text: "Next of whole, part, subpart", keys: ["Tab"] },
  "mask.previous": { group: "The mask in work", text: "The one before", keys: ["Shift+Tab"] },
  "cross.add": { group: "The mask in work", text: "Add at the cross", keys: ["A"] },
  "cross.remove": { group: "The mask in work", text: "Remove at the cross", keys: ["R"] },
  "cross.corner": { group: "The mask in work", text: "A box's corner at the cross", keys: ["Q"] },
  "cross.up": { group: "The mask in work", text: "Cross up", keys: ["ArrowUp"] },
  "cross.down": { group: "The mask in work", text: "Cross down", keys: ["ArrowDown"] },
  "cross.left": { group: "The mask in work", text: "Cross left", keys: ["ArrowLeft"] },
  "cross.right": { group: "The mask in work", text: "Cross right", keys: ["ArrowRight"] },
  "cross.up-1": { group: "The mask in work", text: "… by one pixel", keys: ["Shift+ArrowUp"] },
  "cross.down-1": { group: "The mask in work", text: "…", keys: ["Shift+ArrowDown"] },
  "cross.left-1": { group: "The mask in work", text: "…", keys: ["Shift+ArrowLeft"] },
  "cross.right-1": { group: "The mask in work", text: "…", keys: ["Shift+ArrowRight"] },
  "mask.fill-holes": { group: "The mask in work", text: "Fill holes", keys: ["F"] },
  "mask.drop-islands": { group: "The mask in work", text: "Drop islands", keys: ["D"] },

  undo: { group: "Masks", text: "Undo", keys: ["Mod+Z"] },
  redo: { group: "Masks", text: "Redo", keys: ["Mod+Shift+Z", "Mod+Y"] },
  "masks.next": { group: "Masks", text: "Select the next", keys: ["N"] },
  "masks.previous": { group: "Masks", text: "Select the one before", keys: ["Shift+N"] },
  "masks.all": { group: "Masks", text: "Select all", keys: ["Mod+A"] },
  "masks.refine": { group: "Masks", text: "Refine", keys: ["G"] },
  "masks.alike": { group: "Masks", text: "Find this in the other images", keys: ["H"] },
  "masks.delete": { group: "Masks", text: "Delete", keys: ["Delete", "Backspace"] },
  "masks.duplicate": { group: "Masks", text: "Duplicate", keys: ["Mod+D"] },
  "masks.merge": { group: "Masks", text: "Merge", keys: ["J"] },
  "masks.split": { group: "Masks", text: "Split into its parts", keys: ["Shift+J"] },
  "masks.forward": { group: "Masks", text: "One forward", keys: ["Alt+ArrowUp"] },
  "masks.backward": { group: "Masks", text: "One backward", keys: ["Alt+ArrowDown"] },
  "masks.front": { group: "Masks", text: "To the front", keys: ["Alt+Shift+ArrowUp"] },
  "masks.back": { group: "Masks", text: "To the back", keys: ["Alt+Shift+ArrowDown"] },
  "masks.label": { group: "Masks", text: "Choose a label", keys: ["T"] },
  "masks.group": { group: "Masks", text: "Group", keys: ["Mod+G"] },
  "masks.ungroup": { group: "Masks", text: "Ungroup", keys: ["Mod+Shift+G"] },

  "view.in": { group: "View", text: "Zoom in", keys: ["+", "="] },
  "view.out": { group: "View", text: "Zoom out", keys: ["-", "_"] },
  "view.fit": { group: "View", text: "Fit", keys: ["0", "Z"] },
  "view.pixels": { group: "View", text: "A pixel for a pixel", keys: ["Shift+Z"] },
  "view.outline": { group: "View", text: "Outlines only", keys: ["O"] },
  "view.image": { group: "View", text: "The image without masks", keys: ["I"], isHeld: true },
  "view.opacity-up": { group: "View", text: "Masks more opaque", keys: ["Shift+O"] },
  "view.opacity-down": { group: "View", text: "Masks more transparent", keys: ["Alt+O"] },
  "view.help": { group: "View", text: "These keys", keys: ["?", "F1"] },

  "image.next": { group: "Images", text: "Next", keys: ["PageDown", "."] },
  "image.previous": { group: "Images", text: "The one before", keys: ["PageUp", ","] },
  "image.done": { group: "Images", text: "Done, and on", keys: ["Mod+Enter"] },
  "image.skip": { group: "Images", text: "Skip", keys: ["Mod+Shift+Enter"] },
  "image.save": { group: "Images", text: "Save at once", keys: ["Mod+S"] },

  "tool.note": { group: "Review", text: "Pin a note", keys: ["X"] },
  "note.next": { group: "Review", text: "Next open note", keys: ["Shift+X"] },
  "review.accept": { group: "Review", text: "Accept, and on", keys: ["Shift+Enter"] },
  "review.return": { group: "Review", text: "Return, and on", keys: ["Shift+Backspace"] },
} as const satisfies Record<string, ShortcutFacts>;

export type ShortcutName = keyof typeof SHORTCUTS;

export const SHORTCUT_NAMES = Object.keys(SHORTCUTS) as ShortcutName[];

export function factsOf(name: ShortcutName): ShortcutFacts {
  return SHORTCUTS[name];
}
