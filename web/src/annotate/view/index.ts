// The canvas of the annotation tool.

export { Camera } from "./camera";
export type { DrawnMask } from "./drawn-mask";
export { type Button, type Device, type GestureHandler, Gestures, type Spot } from "./gestures";
export { ColourBook, PALETTE } from "./palette";
export { type PictureSource, wholePicture } from "./picture-source";
export type { Brush, EditedRings, Scene } from "./scene";
export { type Look, PLAIN_LOOK, Stage } from "./stage";
