// How somebody likes the tool, kept in their browser.

import { Observable, type Readable, type Unsubscribe } from "../observable";

const KEY = "anymask.settings";

/** A number within limits. */
interface Range {
  readonly usual: number;
  readonly lowest: number;
  readonly highest: number;
}

/** One of some words. */
interface Choice<T extends string> {
  readonly usual: T;
  readonly words: readonly T[];
}

const range = (usual: number, lowest: number, highest: number): Range => ({
  usual,
  lowest,
  highest,
});
const choice = <const T extends string>(...words: readonly [T, ...T[]]): Choice<T> => ({
  usual: words[0],
  words,
});

export const SETTINGS = {
  /** Of masks over the image. */
  maskOpacity: range(0.45, 0, 1),
  isOutlineOnly: false,
  outlinePx: range(2, 0.5, 8), // of the screen
  colorBy: choice("label", "mask", "group"),
  /** Of the image, 1 as it is. */
  brightness: range(1, 0.1, 4),
  contrast: range(1, 0.1, 4),
  /** In pixels of the image. */
  brushDiameter: range(24, 1, 2000),
  isBrushByPressure: true,
  /** What goes away with small holes and islands, in pixels of the image. */
  smallestArea: range(100, 1, 1_000_000),
  /** Whether the mask under the pointer shows before a click. */
  hasPreview: true,
  wheel: choice("zooms", "pans"),
  /** The paper's reminder to go on. */
  hasNudge: true,
  nudgeAfterS: range(30, 5, 600),
  theme: choice("system", "light", "dark"),
  hasList: true,
  hasHints: true,
} as const;

type ValueOf<S> = S extends boolean
  ? boolean
  : S extends Choice<infer T>
    ? T
    : S extends Range
      ? number
      : never;

export type SettingName = keyof typeof SETTINGS;
export type SettingValues = { readonly [N in SettingName]: ValueOf<(typeof SETTINGS)[N]> };

const NAMES = Object.keys(SETTINGS) as SettingName[];

export const USUAL: SettingValues = valid({});

export class Settings implements Readable<SettingValues> {
  private readonly values: Observable<SettingValues>;

  constructor(private readonly storage: Storage | null) {
    this.values = new Observable(kept(storage));
  }

  get value(): SettingValues {
    return this.values.value;
  }

  subscribe(run: (values: SettingValues) => void): Unsubscribe {
    return this.values.subscribe(run);
  }

  /** Change some; a number beyond its limits becomes the nearest within. */
  set(values: Partial<SettingValues>): void {
    const all = valid({ ...this.value, ...values });
    try {
      this.storage?.setItem(KEY, JSON.stringify(all));
    } catch {
      // A full storage: they hold until the page ends.
    }
    this.values.set(all);
  }

  reset(...names: readonly SettingName[]): void {
    const some = names.length ? names : NAMES;
    this.set(Object.fromEntries(some.map((name) => [name, USUAL[name]])));
  }

  /** Follow what other tabs change. */
  follow(page: Window): Unsubscribe {
    const take = ({ key }: StorageEvent) => {
      if (key === KEY) this.values.set(kept(this.storage));
    };
    page.addEventListener("storage", take);
    return () => page.removeEventListener("storage", take);
  }
}

function kept(storage: Storage | null): SettingValues {
  try {
    return valid(JSON.parse(storage?.getItem(KEY) ?? "{}"));
  } catch {
    return USUAL;
  }
}

/** All settings, of which those that are not understood are the usual ones. */
function valid(values: Readonly<Record<string, unknown>>): SettingValues {
  const rows = NAMES.map((name) => [name, validOne(SETTINGS[name], values[name])]);
  return Object.fromEntries(rows) as SettingValues;
}

function validOne(setting: boolean | Range | Choice<string>, value: unknown): unknown {
  if (typeof setting === "boolean") return typeof value === "boolean" ? value : setting;
  if ("words" in setting) return setting.words.find((word) => word === value) ?? setting.usual;
  if (typeof value !== "number" || !Number.isFinite(value)) return setting.usual;
  return Math.min(Math.max(value, setting.lowest), setting.highest);
}
