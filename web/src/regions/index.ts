// Regions of an image, exact in its pixels: values, and functions of them.

export { brushStroke, type BrushPoint } from "./brush";
export { difference, intersect, sharedBox, subtract, union } from "./combine";
export { components, cut } from "./components";
export { type FillRule, fillLasso, fillRings, type Place, type Ring } from "./fill";
export { extend, shrink } from "./grow";
export { iou, isAlike } from "./overlap";
export { fromMask, toMask } from "./pixels";
export { halved } from "./reduce";
export { type ImageSize, Region, RegionError } from "./region";
export { type Polygon, polygonsOf, ringsIn } from "./rings";
export { decodeRle, encodeRle, type Rle } from "./rle";
export type { Connectivity } from "./runs";
export { simplify } from "./simplify";
export { dropIslands, fillEnclosed, fillHoles } from "./small-regions";
