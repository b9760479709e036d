// The keyboard: which shortcut a press means, and which keys somebody gave it.

import type { Label } from "../api/types";
import { Observable, type Readable, type Unsubscribe } from "../observable";
import { chordsOf, isReserved, type KeyPress, normal, shown } from "./chord";
import {
  factsOf,
  SHORTCUT_NAMES,
  type ShortcutFacts,
  type ShortcutGroup,
  type ShortcutName,
} from "./shortcut-list";

const KEY = "anymask.shortcuts";

/** What keys belong to. */
export type Owner =
  | { readonly kind: "shortcut"; readonly name: ShortcutName }
  | { readonly kind: "label"; readonly label: Label };

/** A chord that more than one owner wants. The first gets it. */
export interface Clash {
  readonly chord: string;
  readonly owners: readonly Owner[];
}

export interface CheatSheetRow {
  readonly name: ShortcutName;
  readonly text: string;
  /** As they stand on this machine's keys. */
  readonly keys: readonly string[];
  readonly isChanged: boolean;
}

export interface CheatSheetGroup {
  readonly group: ShortcutGroup;
  readonly rows: readonly CheatSheetRow[];
}

export type ShortcutKeys = ReadonlyMap<ShortcutName, readonly string[]>;

/** What is needed of an event's target. */
interface Target {
  readonly tagName?: string;
  readonly type?: string;
  readonly isContentEditable?: boolean;
}

export interface ShortcutsOptions {
  /** Where other keys than the usual are kept; null: nowhere. */
  readonly storage: Storage | null;
  readonly isMac: boolean;
}

export class Shortcuts implements Readable<ShortcutKeys> {
  readonly isMac: boolean;
  private readonly storage: Storage | null;
  private readonly keys: Observable<ShortcutKeys>;
  private labels: readonly Label[] = [];

  constructor({ storage, isMac }: ShortcutsOptions) {
    this.storage = storage;
    this.isMac = isMac;
    const changed = kept(storage);
    const names = SHORTCUT_NAMES.map(
      (name) => [name, changed[name] ?? factsOf(name).keys] as const,
    );
    this.keys = new Observable<ShortcutKeys>(new Map(names));
  }

  get value(): ShortcutKeys {
    return this.keys.value;
  }

  subscribe(run: (keys: ShortcutKeys) => void): Unsubscribe {
    return this.keys.subscribe(run);
  }

  /** Labels whose hotkeys are to be heard. */
  setLabels(labels: readonly Label[]): void {
    this.labels = labels;
    this.keys.set(this.value);
  }

  /** What a press means. Somebody who writes means letters, except by Escape. */
  match(press: KeyPress & { readonly target?: unknown; readonly isComposing?: boolean }) {
    if (press.isComposing || (isWriting(press.target) && press.key !== "Escape")) return null;
    for (const chord of chordsOf(press, this.isMac)) {
      const [owner] = this.owners(chord);
      if (owner) return owner;
    }
    return null;
  }

  /** What a press is called: for choosing keys. null for modifiers alone. */
  chord(press: KeyPress): string | null {
    return chordsOf(press, this.isMac)[0] ?? null;
  }

  /** For menus and tooltips; empty if the shortcut has no key. */
  shown(name: ShortcutName): string {
    const [first] = this.value.get(name)!;
    return first === undefined ? "" : shown(first, this.isMac);
  }

  /** Why a chord can't be given to a shortcut, or null: others have it, or the browser has. */
  objection(name: ShortcutName, chord: string): string | null {
    const label = shown(chord, this.isMac);
    if (isReserved(chord)) return `${label} belongs to the browser`;
    const others = this.owners(chord).filter((owner) => !isShortcut(owner, name));
    return others.length ? `${label} already does: ${others.map(textOf).join(", ")}` : null;
  }

  /** Give a shortcut other keys; shortcuts that had them lose them. */
  set(name: ShortcutName, chords: readonly string[]): void {
    const keys = [...this.value].map(([other, old]) => {
      const left = old.filter((chord) => !chords.includes(chord));
      return [other, other === name ? chords : left.length < old.length ? left : old] as const;
    });
    this.change(new Map(keys));
  }

  /** The usual keys again, of one shortcut or of all. */
  reset(name?: ShortcutName): void {
    if (name) this.set(name, factsOf(name).keys);
    else this.change(new Map(SHORTCUT_NAMES.map((each) => [each, factsOf(each).keys])));
  }

  /** Chords that several want, labels included. */
  clashes(): Clash[] {
    const chords = [
      ...[...this.value.values()].flat(),
      ...this.labels.flatMap(({ hotkey }) => (hotkey ? normal(hotkey) : [])),
    ];
    const all = [...new Set(chords)].map((chord) => ({ chord, owners: this.owners(chord) }));
    return all.filter(({ owners }) => owners.length > 1);
  }

  cheatSheet(): CheatSheetGroup[] {
    const groups = new Set(SHORTCUT_NAMES.map((name) => factsOf(name).group));
    return [...groups].map((group) => {
      const names = SHORTCUT_NAMES.filter((name) => factsOf(name).group === group);
      return { group, rows: names.map((name) => this.row(name)) };
    });
  }

  private row(name: ShortcutName): CheatSheetRow {
    const keys = this.value.get(name)!;
    const { text }: ShortcutFacts = factsOf(name);
    const isChanged = !areUsual(name, keys);
    return { name, text, keys: keys.map((chord) => shown(chord, this.isMac)), isChanged };
  }

  private owners(chord: string): Owner[] {
    const names = SHORTCUT_NAMES.filter((name) => this.value.get(name)!.includes(chord));
    const labels = this.labels.filter(({ hotkey }) => hotkey && normal(hotkey) === chord);
    return [
      ...names.map((name) => ({ kind: "shortcut", name }) as const),
      ...labels.map((label) => ({ kind: "label", label }) as const),
    ];
  }

  private change(keys: ShortcutKeys): void {
    const changed = [...keys].filter(([name, chords]) => !areUsual(name, chords));
    try {
      this.storage?.setItem(KEY, JSON.stringify(Object.fromEntries(changed)));
    } catch {
      // A full storage: the keys hold until the page ends.
    }
    this.keys.set(keys);
  }
}

/** Whether this is one of the machines whose keys say ⌘. */
export function isMac(): boolean {
  return /Mac|iPhone|iPad/.test(navigator.platform);
}

/** The keys that are not the usual ones; what nobody understands any more is passed over. */
function kept(storage: Storage | null): Partial<Record<ShortcutName, readonly string[]>> {
  try {
    const read: unknown = JSON.parse(storage?.getItem(KEY) ?? "{}");
    const rows = Object.entries(read as Record<string, unknown>).filter(
      ([name, keys]) =>
        (SHORTCUT_NAMES as string[]).includes(name) &&
        Array.isArray(keys) &&
        keys.every((chord) => typeof chord === "string"),
    );
    return Object.fromEntries(rows) as Partial<Record<ShortcutName, readonly string[]>>;
  } catch {
    return {};
  }
}

function areUsual(name: ShortcutName, keys: readonly string[]): boolean {
  return keys.join(" ") === factsOf(name).keys.join(" ");
}

function isShortcut(owner: Owner, name: ShortcutName): boolean {
  return owner.kind === "shortcut" && owner.name === name;
}

function textOf(owner: Owner): string {
  return owner.kind === "label" ? `label ${owner.label.name}` : factsOf(owner.name).text;
}

const NO_LETTERS = new Set(["checkbox", "radio", "range", "button", "color", "submit", "reset"]);

function isWriting(target: unknown): boolean {
  const { tagName = "", type = "", isContentEditable = false } = (target ?? {}) as Target;
  if (isContentEditable || tagName === "TEXTAREA" || tagName === "SELECT") return true;
  return tagName === "INPUT" && !NO_LETTERS.has(type);
}
