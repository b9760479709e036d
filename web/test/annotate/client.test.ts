import { beforeEach, describe, expect, it, vi } from "vitest";
import { Client } from "../../src/annotate/api/client";
import { ApiError } from "../../src/annotate/api/errors";
import { FakeServer } from "./fake-server";

let server: FakeServer;
let client: Client;

beforeEach(() => {
  server = new FakeServer();
  client = clientOf(server.fetchFor("Ada"));
});

function clientOf(fetch_: typeof fetch, more = {}) {
  return new Client({ fetch: fetch_, pausesMs: [1, 1], ...more });
}

const answering = (response: () => Response) => vi.fn(async () => response());

const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => expect.fail("it did not fail"),
    (error: unknown) => error,
  );

describe("what is sent", () => {
  it("the address, the token, and JSON", async () => {
    const fetch_ = answering(() => Response.json({ images: [], next: null, total: 0 }));
    const query = { state: "done", text: "a b&c", after: undefined } as const;
    await clientOf(fetch_, { origin: "http://h", token: "secret" }).images(query);
    const [url, init] = fetch_.mock.lastCall as unknown as [string, RequestInit];
    expect(url).toBe("http://h/api/images?state=done&text=a+b%26c");
    expect(new Headers(init.headers).get("Authorization")).toBe("Bearer secret");
  });

  it("no token without one", async () => {
    const fetch_ = answering(() => Response.json([]));
    await clientOf(fetch_).putLabels([{ id: null, name: "dog", color: "#ffffff", hotkey: null }]);
    const [, init] = fetch_.mock.lastCall as unknown as [string, RequestInit];
    expect(new Headers(init.headers).has("Authorization")).toBe(false);
    expect(init).toMatchObject({ method: "PUT", credentials: "same-origin" });
    expect(JSON.parse(init.body as string)[0].name).toBe("dog");
  });

  it("many ids of versions in several requests", async () => {
    const ids = Array.from({ length: 120 }, (_, i) => `v${i}`);
    const echo = vi.fn(async (url: RequestInfo | URL) =>
      Response.json(new URL(String(url), "http://h").searchParams.get("ids")!.split(",")),
    );
    expect(await clientOf(echo).versions(3, ids)).toEqual(ids);
    expect(echo).toHaveBeenCalledTimes(3);
  });

  it("pictures have addresses of their own", () => {
    expect(client.pixelsUrl(3, { longest: 1024 })).toBe("/api/images/3/pixels?longest=1024");
    expect(client.tileUrl(3, 0, 1, 2)).toBe("/api/images/3/tiles/0/1/2");
    expect(client.thumbnailUrl(3)).toBe("/api/images/3/thumbnail");
  });
});

describe("what comes back", () => {
  it("an embedding, or its place in the queue", async () => {
    const headers = { ETag: '"abc"' };
    const ready = clientOf(answering(() => new Response(new Uint8Array([1, 2, 3]), { headers })));
    expect(await ready.embedding(1, "m@1")).toEqual({
      bytes: new Uint8Array([1, 2, 3]).buffer,
      file: "abc",
    });
    const queued = clientOf(answering(() => Response.json({ position: 4 }, { status: 202 })));
    expect(await queued.embedding(1, "m@1")).toEqual({ position: 4 });
  });

  it("a refusal is what the server says, with who holds the image", async () => {
    await client.lease(1, null);
    const error = await failure(clientOf(server.fetchFor("Bob")).lease(1, null));
    expect(error).toBeInstanceOf(ApiError);
    const holder = { annotator: "Ada", expires_at: "2100-01-01" };
    expect(error).toMatchObject({ kind: "lease", status: 409, holder });
    expect((error as ApiError).message).toBe("Ada holds dog.jpg");
  });

  it.each([
    [403, "forbidden", false],
    [422, "invalid", false],
    [500, "failure", true],
    [502, "offline", true],
    [507, "storage", true],
  ])("a foreign answer of status %i is of kind %s", async (status, kind, isPassing) => {
    const client = clientOf(answering(() => new Response("<html>", { status })));
    const error = await failure(client.project());
    expect(error).toMatchObject({ kind, status, isPassing });
  });
});

describe("a server out of reach", () => {
  it("is asked again where that changes nothing", async () => {
    const faults = ["down", { status: 503, kind: "busy" }] as const;
    let asked = 0;
    server.fault = () => faults[asked++] ?? null;
    expect((await client.image(1)).name).toBe("dog.jpg");
    expect(asked).toBe(3);
  });

  it("and only so often", async () => {
    server.fault = () => "down";
    expect(await failure(client.image(1))).toMatchObject({ kind: "offline", status: 0 });
    expect(server.heard.length).toBe(3);
  });

  it("is not asked again for what changes something, nor for what it refused", async () => {
    server.fault = () => "down";
    await failure(client.act(1, "t", []));
    server.fault = () => null;
    await failure(client.image(9));
    expect(server.heard).toEqual(["POST /api/images/1/actions", "GET /api/images/9"]);
  });

  it("shows since when, until it answers, be it with a refusal", async () => {
    const seen: boolean[] = [];
    client.offlineSince.subscribe((since) => seen.push(since !== null));
    server.fault = () => "down";
    await failure(client.lease(1, null));
    await failure(client.lease(1, null));
    server.fault = () => null;
    await failure(client.image(9));
    expect(seen).toEqual([false, true, false]);
  });

  it("that says nothing for too long is out of reach", async () => {
    const hanging: typeof fetch = (_, init) =>
      new Promise((_, reject) => {
        init!.signal!.addEventListener("abort", () => reject(init!.signal!.reason));
      });
    const error = await failure(clientOf(hanging, { timeoutMs: 5, pausesMs: [] }).project());
    expect(error).toMatchObject({ kind: "offline" });
    expect((error as ApiError).message).toContain("0.005 seconds");
  });

  it("a request that is given up says why, and is no sign of the server", async () => {
    server.gate = new Promise((resolve) => setTimeout(resolve, 20));
    const giveUp = new AbortController();
    const fetching: typeof fetch = async (url, init) => {
      const response = await server.fetchFor("Ada")(url, init);
      init!.signal!.throwIfAborted();
      return response;
    };
    const client = clientOf(fetching);
    const asked = failure(client.image(1, giveUp.signal));
    giveUp.abort("gone on");
    expect(await asked).toBe("gone on");
    expect(client.offlineSince.value).toBeNull();
  });
});
