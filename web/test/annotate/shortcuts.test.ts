import { beforeEach, describe, expect, it } from "vitest";
import type { Label } from "../../src/annotate/api/types";
import { chordsOf, type KeyPress, shown } from "../../src/annotate/document/chord";
import { Shortcuts } from "../../src/annotate/document/shortcuts";
import { FakeStorage } from "./storage";

const DOG: Label = { id: 1, name: "dog", color: "#ff0000", hotkey: "1" };

let storage: FakeStorage;
let shortcuts: Shortcuts;

beforeEach(() => {
  storage = new FakeStorage();
  shortcuts = new Shortcuts({ storage, isMac: false });
});

const MODIFIERS = { ctrl: "ctrlKey", meta: "metaKey", alt: "altKey", shift: "shiftKey" } as const;

function press(key: string, code = "", ...modifiers: (keyof typeof MODIFIERS)[]): KeyPress {
  const up = { ctrlKey: false, metaKey: false, altKey: false, shiftKey: false };
  const down = Object.fromEntries(modifiers.map((name) => [MODIFIERS[name], true]));
  return { key, code, ...up, ...down };
}

const meant = (...of: Parameters<typeof press>) => {
  const owner = shortcuts.match(press(...of));
  return owner && (owner.kind === "label" ? owner.label.name : owner.name);
};

describe("what a press means", () => {
  it.each([
    ["b", "KeyB", [], "tool.brush"],
    ["B", "KeyB", [], "tool.brush"], // Caps Lock
    ["z", "KeyZ", ["ctrl"], "undo"],
    ["Z", "KeyZ", ["ctrl", "shift"], "redo"],
    ["y", "KeyY", ["ctrl"], "redo"],
    ["Z", "KeyZ", ["shift"], "view.pixels"],
    ["Tab", "Tab", ["shift"], "mask.previous"],
    [" ", "Space", [], "tool.pan"],
    ["?", "Slash", ["shift"], "view.help"],
    ["+", "Equal", ["shift"], "view.in"],
    ["+", "NumpadAdd", [], "view.in"],
    ["b", "KeyB", ["meta"], null],
    ["Shift", "ShiftLeft", ["shift"], null],
    ["F12", "F12", [], null],
  ] as const)("%s (%s, %j) is %s", (key, code, modifiers, name) => {
    expect(meant(key, code, ...modifiers)).toBe(name);
  });

  it("is by the place of a key whose letter is of another alphabet", () => {
    expect(meant("я", "KeyZ", "ctrl")).toBe("undo");
    expect(meant("и", "KeyB")).toBe("tool.brush");
  });

  it("is by the letter on a key of ours, wherever it is", () => {
    expect(meant("z", "KeyY", "ctrl")).toBe("undo"); // QWERTZ
    expect(meant("a", "KeyQ")).toBe("cross.add"); // AZERTY
    expect(meant("w", "Comma")).toBe("tool.everything"); // Dvorak
  });

  it("digits need no Shift where others do", () => {
    shortcuts.setLabels([DOG]);
    expect(meant("1", "Digit1")).toBe("dog");
    expect(meant("&", "Digit1")).toBe("dog"); // AZERTY
    expect(meant("1", "Numpad1")).toBe("dog");
  });

  it("AltGr writes a sign, and is neither Ctrl nor Alt", () => {
    const bracket = press("]", "Digit9", "ctrl", "alt");
    const getModifierState = (name: string) => name === "AltGraph";
    expect(shortcuts.match({ ...bracket, getModifierState })).toEqual({
      kind: "shortcut",
      name: "brush.larger",
    });
  });

  it("⌘ is Ctrl on a Mac, and Alt there writes signs", () => {
    shortcuts = new Shortcuts({ storage, isMac: true });
    expect(meant("z", "KeyZ", "meta")).toBe("undo");
    expect(meant("z", "KeyZ", "ctrl")).toBeNull();
    expect(meant("ø", "KeyO", "alt")).toBe("view.opacity-down");
  });

  it("is a letter for who writes, but for Escape", () => {
    const input = { tagName: "INPUT", type: "text" };
    const match = (key: string, target: object, more = {}) =>
      shortcuts.match({ ...press(key), target, ...more });
    expect(match("b", input)).toBeNull();
    expect(match("b", { tagName: "DIV", isContentEditable: true })).toBeNull();
    expect(match("Escape", input)).not.toBeNull();
    expect(match("Escape", input, { isComposing: true })).toBeNull();
    expect(match("b", { tagName: "INPUT", type: "range" })).not.toBeNull();
    expect(match("b", { tagName: "BODY" })).not.toBeNull();
  });
});

describe("other keys", () => {
  it("are kept, and taken from whom they were", () => {
    expect(shortcuts.objection("tool.lasso", "B")).toBe("B already does: Brush");
    shortcuts.set("tool.lasso", ["B"]);
    expect([meant("b"), meant("l"), shortcuts.shown("tool.brush")]).toEqual([
      "tool.lasso",
      null,
      "",
    ]);
    shortcuts = new Shortcuts({ storage, isMac: false });
    expect(meant("b")).toBe("tool.lasso");
  });

  it("can be given back, one shortcut's or all", () => {
    shortcuts.set("tool.lasso", ["B"]);
    shortcuts.reset("tool.brush");
    expect([meant("b"), meant("l")]).toEqual(["tool.brush", null]);
    shortcuts.reset();
    expect([meant("b"), meant("l")]).toEqual(["tool.brush", "tool.lasso"]);
    expect(storage.getItem("anymask.shortcuts")).toBe("{}");
  });

  it("that the browser keeps are refused", () => {
    expect(shortcuts.objection("undo", "Mod+W")).toBe("Ctrl+W belongs to the browser");
    expect(shortcuts.objection("undo", "Mod+Z")).toBeNull();
    expect(shortcuts.objection("undo", "F9")).toBeNull();
  });

  it("hold until the page ends where nothing can be kept", () => {
    storage.isFull = true;
    shortcuts.set("undo", ["F9"]);
    expect(meant("F9")).toBe("undo");
    const forgetful = new Shortcuts({ storage: null, isMac: false });
    forgetful.set("undo", ["F9"]);
    expect(forgetful.shown("undo")).toBe("F9");
  });

  it.each(["", "null", "[1]", '{"undo":7,"nothing":["A"]}', '{"undo":[1]}'])(
    "that were kept as %j are passed over",
    (text) => {
      storage.setItem("anymask.shortcuts", text);
      shortcuts = new Shortcuts({ storage, isMac: false });
      expect([meant("z", "KeyZ", "ctrl"), meant("a", "KeyA")]).toEqual(["undo", "cross.add"]);
    },
  );

  it("tell who looks", () => {
    let told = 0;
    shortcuts.subscribe(() => told++);
    shortcuts.set("undo", ["F9"]);
    shortcuts.setLabels([DOG]);
    expect(told).toBe(3);
  });
});

describe("clashes", () => {
  it("there are none among the usual keys, nor with the browser", () => {
    expect(shortcuts.clashes()).toEqual([]);
    for (const [name, keys] of shortcuts.value) {
      for (const chord of keys) expect(shortcuts.objection(name, chord)).toBeNull();
    }
  });

  it("a label's key that does something already does that, and is named", () => {
    const bird = { ...DOG, id: 2, name: "bird", hotkey: "b" };
    shortcuts.setLabels([DOG, bird]);
    expect(meant("b")).toBe("tool.brush");
    const [clash, ...others] = shortcuts.clashes();
    expect([clash.chord, clash.owners.length, others.length]).toEqual(["B", 2, 0]);
    expect(shortcuts.objection("tool.lasso", "1")).toBe("1 already does: label dog");
  });
});

describe("as text", () => {
  it.each([
    ["Mod+Shift+Z", "Ctrl+Shift+Z", "⌘⇧Z"],
    ["Alt+ArrowUp", "Alt+↑", "⌥↑"],
    ["+", "+", "+"],
    ["Mod++", "Ctrl++", "⌘+"],
    ["Escape", "Esc", "Esc"],
    ["PageDown", "Page Down", "Page Down"],
  ])("%s is %s, and %s on a Mac", (chord, text, onMac) => {
    expect([shown(chord, false), shown(chord, true)]).toEqual([text, onMac]);
  });

  it("a press for choosing keys has a name, modifiers alone have none", () => {
    expect(shortcuts.chord(press("K", "KeyK", "ctrl", "shift"))).toBe("Mod+Shift+K");
    expect(shortcuts.chord(press("Control", "ControlLeft", "ctrl"))).toBeNull();
    expect(chordsOf(press("!", "Digit1", "shift"), false)).toEqual(["!", "Shift+1"]);
  });

  it("the cheat sheet has every shortcut once, in groups", () => {
    shortcuts.set("undo", ["F9"]);
    const sheet = shortcuts.cheatSheet();
    const rows = sheet.flatMap((group) => group.rows);
    expect(rows.length).toBe(shortcuts.value.size);
    expect(sheet.map(({ group }) => group)[0]).toBe("Tools");
    const undo = rows.find(({ name }) => name === "undo");
    expect(undo).toEqual({ name: "undo", text: "Undo", keys: ["F9"], isChanged: true });
  });
});
