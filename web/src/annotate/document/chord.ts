// Keys pressed together, as text: `Mod+Shift+Z`. Mod is Ctrl, and ⌘ on a Mac.

/** What is needed of a KeyboardEvent. */
export interface KeyPress {
  readonly key: string;
  readonly code: string;
  readonly ctrlKey: boolean;
  readonly metaKey: boolean;
  readonly altKey: boolean;
  readonly shiftKey: boolean;
  getModifierState?(name: string): boolean;
}

const MODIFIERS = ["Mod", "Ctrl", "Meta", "Alt", "Shift"] as const;
const ALONE = new Set([
  "Control",
  "Meta",
  "Alt",
  "AltGraph",
  "Shift",
  "CapsLock",
  "Dead",
  "Process",
]);
const RESERVED = new Set(["Mod+W", "Mod+T", "Mod+N", "Mod+Q", "Mod+Shift+W", "Mod+Shift+T"]);
const NAMES = new Map([
  [" ", "Space"],
  ["Esc", "Escape"],
  ["Del", "Delete"],
]);
const MAC_SIGNS = new Map([
  ["Mod", "⌘"],
  ["Ctrl", "⌃"],
  ["Alt", "⌥"],
  ["Shift", "⇧"],
]);
const SIGNS = new Map([
  ["ArrowUp", "↑"],
  ["ArrowDown", "↓"],
  ["ArrowLeft", "←"],
  ["ArrowRight", "→"],
  ["Escape", "Esc"],
  ["PageUp", "Page Up"],
  ["PageDown", "Page Down"],
]);

/** Browsers keep these for themselves. */
export function isReserved(chord: string): boolean {
  return RESERVED.has(chord);
}

/**
 * The chords that a press may mean, the likeliest first: by the letter on the key, and where that is
 * none of the Latin alphabet, or where digits need Shift, by the place of the key.
 */
export function chordsOf(press: KeyPress, isMac: boolean): string[] {
  const { key, code } = press;
  if (ALONE.has(key)) return [];
  const chords = [chord(press, key, isMac)];
  const [, letter, digit] = /^(?:Key([A-Z])|Digit(\d))$/.exec(code) ?? [];
  const isLatin = /^[ -~]+$/.test(key);
  if (letter && !isLatin) chords.push(chord(press, letter, isMac));
  if (digit && key !== digit) chords.push(modifiers(press, isMac, true) + digit);
  return chords;
}

/** As it is written here: `q` is `Q`. */
export function normal(text: string): string {
  return text.length === 1 ? text.toUpperCase() : text;
}

/** As it stands on the keys of this machine. */
export function shown(text: string, isMac: boolean): string {
  const parts: string[] = [];
  let key = text;
  for (const modifier of MODIFIERS) {
    if (!key.startsWith(`${modifier}+`)) continue;
    key = key.slice(modifier.length + 1);
    const plain = modifier === "Mod" ? "Ctrl" : modifier;
    parts.push(isMac ? (MAC_SIGNS.get(modifier) ?? plain) : plain);
  }
  parts.push(SIGNS.get(key) ?? key);
  return parts.join(isMac ? "" : "+");
}

function chord(press: KeyPress, key: string, isMac: boolean): string {
  // Shift is in what `?` is already, and not in a letter or the name of a key.
  const saysShift = key.length === 1 && key !== " " && !/\p{L}/u.test(key);
  return modifiers(press, isMac, !saysShift) + normal(NAMES.get(key) ?? key);
}

function modifiers(press: KeyPress, isMac: boolean, withShift: boolean): string {
  // AltGr writes `[` and the like on many keyboards, and says that it is Ctrl and Alt.
  const isWriting = press.getModifierState?.("AltGraph") ?? false;
  const isDown = {
    Mod: isMac ? press.metaKey : press.ctrlKey && !isWriting,
    Ctrl: isMac && press.ctrlKey,
    Meta: !isMac && press.metaKey,
    Alt: press.altKey && !isWriting,
    Shift: press.shiftKey && withShift,
  };
  return MODIFIERS.map((name) => (isDown[name] ? `${name}+` : "")).join("");
}
