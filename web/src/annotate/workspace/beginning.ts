// How the page begins: with what the server says, or, while it is away, with what it said last.

import { ApiError, type Client } from "../api";
import type { ImageSummary, Project } from "../api/types";
import type { LastSeen } from "../document";
import type { Catalogue } from "./catalogue";

export interface Beginning {
  readonly project: Project;
  /** The image to open; null if there is none. */
  readonly first: Pick<ImageSummary, "id" | "name"> | null;
}

/** Throws ApiError. named: the image that the address names; 0 for none. */
export async function beginning(
  client: Client,
  list: Catalogue,
  seen: LastSeen | null,
  named: number,
): Promise<Beginning> {
  const wanted = named ? { id: named, name: `image ${named}` } : null;
  try {
    const [project, next] = await Promise.all([
      client.project(),
      named ? null : client.next(),
      list.filter("", ""),
    ]);
    const { images } = list.now.value;
    void seen?.keepProject(project).then(() => seen.keepList(images));
    return { project, first: wanted ?? next ?? images[0] ?? null };
  } catch (error) {
    const isOffline = error instanceof ApiError && error.kind === "offline";
    const project = isOffline ? await seen?.project() : null;
    if (!seen || !project) throw error;
    const images = await seen.list();
    list.show(images);
    const latest = await seen.latest();
    return { project, first: wanted ?? images.find(({ id }) => id === latest) ?? null };
  }
}
