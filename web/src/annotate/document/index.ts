// What the rest of the tool uses: start at `Desk`, which opens images (`OpenImage`) and saves them.

export type { Choice, Choices } from "./conflict";
export { browserStorage, tabStorage } from "./browser-storage";
export type { KeyPress } from "./chord";
export { Desk, type DeskClient, type Opened } from "./desk";
export type { DisputedMask, ImageConflict, Making } from "./disputed";
export type { Draft, DraftNow, DraftStep } from "./draft";
export { EffortClock, type Happening, IDLE_AFTER_S, NO_EFFORT, NUDGE_AFTER_S } from "./effort";
export type { ImageNow, PlacedMask } from "./image-now";
export { LastSeen, type SeenImage } from "./last-seen";
export type { Hold } from "./leases";
export {
  type ActOptions,
  DocumentError,
  type NewMask,
  type NewRegion,
  type OpenImage,
} from "./open-image";
export type { Move } from "./ordering";
export type { SaveState } from "./save-state";
export { type SettingName, Settings, SETTINGS, type SettingValues, USUAL } from "./settings";
export { factsOf, SHORTCUT_NAMES, type ShortcutGroup, type ShortcutName } from "./shortcut-list";
export { type CheatSheetGroup, type Clash, isMac, type Owner, Shortcuts } from "./shortcuts";
export { uuid4 } from "./uuid";
export type { RegionCodec, RegionFacts } from "./versions";
