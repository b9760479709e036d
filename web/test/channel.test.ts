import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Channel, type Door, serve } from "../src/segmenter/channel";
import { ModelError, PromptError, SegmenterError } from "../src/segmenter/errors";
import type { Progress } from "../src/segmenter/model-folder";
import type { Handlers, KeptEmbedding, Reply, Request } from "../src/segmenter/protocol";

const KEPT: KeptEmbedding = { id: 7, imageHw: [3, 4], inputPx: 8, model: "tiny" };
const never = () => Promise.reject(new Error("not in this test"));

let page: MessagePort;
let worker: MessagePort;
let channel: Channel;
let progress: Progress[];

beforeEach(() => {
  ({ port1: page, port2: worker } = new MessageChannel());
  progress = [];
  channel = new Channel(page as Door, (news) => progress.push(news));
});
afterEach(() => page.close());

function handle(handlers: Partial<Handlers>): void {
  const others = { load: never, receive: never, encode: never, predict: never, release: never };
  serve(worker as Door, { ...others, ...handlers });
}

/** A worker that answers when told to. */
function manual() {
  const requests: Request[] = [];
  worker.onmessage = ({ data }) => requests.push(data);
  const answer = (reply: Reply) => worker.postMessage(reply);
  const received = (count: number) => vi.waitFor(() => expect(requests.length).toBe(count));
  return { requests, answer, received };
}

describe("page and worker", () => {
  it("each request gets its own answer, in order", async () => {
    handle({ release: async ({ embedding }) => [embedding as unknown as null] });
    const all = [1, 2, 3].map((embedding) => channel.ask("release", { embedding }));
    expect(await Promise.all(all)).toEqual([1, 2, 3]);
  });

  it("a moved buffer is gone from where it was", async () => {
    handle({ receive: async ({ bytes }) => [{ ...KEPT, id: bytes.byteLength }] });
    const bytes = new ArrayBuffer(64);
    const kept = await channel.ask("receive", { bytes }, { moved: [bytes] });
    expect([kept.id, bytes.byteLength]).toEqual([64, 0]);
  });

  it.each([
    [new PromptError("not there"), PromptError, "not there"],
    [new ModelError("broken"), ModelError, "broken"],
    [new RangeError("out of memory"), SegmenterError, "RangeError: out of memory"],
  ])("an error arrives as what it was: %s", async (error, kind, message) => {
    handle({ release: () => Promise.reject(error) });
    const failure = await channel.ask("release", { embedding: 1 }).catch((error) => error);
    expect(failure).toBeInstanceOf(kind);
    expect(failure.name).toBe(new kind().name);
    expect(failure.message).toBe(message);
  });

  it("progress is told", async () => {
    const { answer, received } = manual();
    const asked = channel.ask("release", { embedding: 1 });
    await received(1);
    answer({ progress: { file: "a", loadedBytes: 1, totalBytes: 2, modelBytes: 3 } });
    answer({ id: 1, answer: null });
    await asked;
    expect(progress).toEqual([{ file: "a", loadedBytes: 1, totalBytes: 2, modelBytes: 3 }]);
  });

  it("what can't be sent fails alone", async () => {
    handle({ release: async () => [null] });
    const picture = (() => {}) as unknown as ImageData; // functions can't be cloned
    const bad = channel.ask("encode", { picture });
    const good = channel.ask("release", { embedding: 1 });
    await expect(bad).rejects.toThrow("this can't be sent");
    expect(await good).toBeNull();
  });
});

describe("giving up", () => {
  it("drops what waits: the worker never hears of it", async () => {
    const { requests, answer, received } = manual();
    const outdated = new AbortController();
    const first = channel.ask("release", { embedding: 1 });
    const second = channel.ask("release", { embedding: 2 }, { signal: outdated.signal });
    const third = channel.ask("release", { embedding: 3 });
    await received(1);
    outdated.abort();
    await expect(second).rejects.toMatchObject({ name: "AbortError" });
    answer({ id: 1, answer: null });
    await first;
    await received(2);
    answer({ id: 3, answer: null });
    await third;
    expect(requests.map(({ request }) => request)).toEqual([{ embedding: 1 }, { embedding: 3 }]);
  });

  it("leaves what is under way, and hands over its late answer", async () => {
    const { answer, received } = manual();
    const outdated = new AbortController();
    const unwanted: KeptEmbedding[] = [];
    const onUnwanted = (kept: KeptEmbedding) => unwanted.push(kept);
    const bytes = new ArrayBuffer(1);
    const first = channel.ask("receive", { bytes }, { signal: outdated.signal, onUnwanted });
    const second = channel.ask("release", { embedding: 1 });
    await received(1);
    outdated.abort("seen enough");
    await expect(first).rejects.toBe("seen enough");
    answer({ id: 1, answer: KEPT });
    await received(2);
    answer({ id: 2, answer: null });
    await second;
    expect(unwanted).toEqual([KEPT]);
  });

  it("a newer request of the same name takes the place of one that waits", async () => {
    const { requests, answer, received } = manual();
    const ask = (embedding: number, latestOf?: string) =>
      channel.ask("release", { embedding }, { latestOf });
    const all = [ask(1, "hover"), ask(2, "hover"), ask(3), ask(4, "hover")];
    await expect(all[1]).rejects.toMatchObject({ name: "AbortError" });
    for (const [count, id] of [1, 3, 4].entries()) {
      await received(count + 1);
      answer({ id, answer: null });
    }
    await Promise.all([all[0], all[2], all[3]]);
    expect(requests.map(({ id }) => id)).toEqual([1, 3, 4]);
  });

  it("before asking asks nothing", async () => {
    const { requests } = manual();
    const asked = channel.ask("release", { embedding: 1 }, { signal: AbortSignal.abort() });
    await expect(asked).rejects.toMatchObject({ name: "AbortError" });
    expect(requests).toEqual([]);
  });
});

describe("closing", () => {
  it("fails what is under way, what waits and what comes", async () => {
    const { received } = manual();
    const asked = [1, 2].map((embedding) => channel.ask("release", { embedding }));
    await received(1);
    channel.close(new SegmenterError("closed"));
    asked.push(channel.ask("release", { embedding: 3 }));
    for (const each of asked) await expect(each).rejects.toThrow("closed");
  });
});
