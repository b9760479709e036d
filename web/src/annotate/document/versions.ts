// The versions that this page knows of, and the regions that they describe.

import type { BoxXyxy, Segmentation, Version } from "../api/types";
import { uuid4 } from "./uuid";

/** What is needed of a region to write a version of it. */
export interface RegionFacts {
  /** The tight box, its far corner exclusive. */
  readonly box: BoxXyxy;
  readonly area: number;
}

/** How regions are written; `encodeRle` and `decodeRle` of regions/. */
export interface RegionCodec<R extends RegionFacts> {
  encode(region: R): Segmentation;
  decode(segmentation: Segmentation): R;
}

/** Where versions come from that the log names and no mask has any more: the server. */
export type FetchVersions = (ids: readonly string[]) => Promise<readonly Version[]>;

export type VersionFacts = Pick<
  Version,
  "label_id" | "group" | "order" | "source" | "predicted_iou" | "is_suggested"
>;

/** Of one image. */
export class Versions<R extends RegionFacts> {
  private readonly known = new Map<string, Version>();
  /** Versions that differ in something else share their segmentation, and so their region. */
  private readonly regions = new WeakMap<Segmentation, R>();

  constructor(
    private readonly codec: RegionCodec<R>,
    private readonly fetchVersions: FetchVersions,
  ) {}

  add(versions: Iterable<Version>): void {
    for (const version of versions) {
      if (!this.known.has(version.id)) this.known.set(version.id, version);
    }
  }

  /** Decoded when first asked for. */
  region({ segmentation }: Version): R {
    let region = this.regions.get(segmentation);
    if (!region) {
      region = this.codec.decode(segmentation);
      this.regions.set(segmentation, region);
    }
    return region;
  }

  /** A new version. */
  of(region: R, facts: Omit<VersionFacts, "is_suggested">): Version {
    const [left, top, right, bottom] = region.box;
    const segmentation = this.codec.encode(region);
    this.regions.set(segmentation, region);
    const bbox = [left, top, right - left, bottom - top] as const;
    const made = { id: uuid4(), segmentation, bbox, area: region.area, is_suggested: false };
    const version = { ...facts, ...made };
    this.add([version]);
    return version;
  }

  /** A new version of the same region. */
  revised(version: Version, facts: Partial<VersionFacts>): Version {
    const revised = { ...version, ...facts, id: uuid4() };
    this.add([revised]);
    return revised;
  }

  get(id: string): Version | undefined {
    return this.known.get(id);
  }

  /** Get what is not known yet of these. Throws ApiError. */
  async fetch(ids: Iterable<string>): Promise<void> {
    const missing = [...new Set(ids)].filter((id) => !this.known.has(id));
    if (missing.length) this.add(await this.fetchVersions(missing));
  }
}
