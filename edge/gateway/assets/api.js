// Calls to the API. A session lives in this tab only; an access token that has run out is
// refreshed once, and calls that meet it together share that one refresh.

const STORE = "sluicegate.session";
// Milliseconds: between two event streams, as the server's `retry` says and then more; and for how
// long an upload is followed.
const PAUSE = 2_000;
const PAUSE_MAX = 30_000;
const FOLLOWED = 3_600_000;

export let session = read();

function read() {
  try {
    return JSON.parse(sessionStorage.getItem(STORE));
  } catch {
    return null;
  }
}

export function keep(next) {
  session = next;
  if (next) sessionStorage.setItem(STORE, JSON.stringify(next));
  else sessionStorage.removeItem(STORE);
}

/** An error answer (RFC 9457), as something to throw. */
export class Problem extends Error {
  constructor(body, status) {
    super(body.detail || body.title || `The server answered ${status}.`);
    this.status = status;
    this.type = body.type;
    this.reason = body.reason;
    this.deleteAfter = body.delete_after;
  }
}

export async function problemOf(response) {
  const body = await response.json().catch(() => ({}));
  return new Problem(body, response.status);
}

let refreshing = null;

function refresh() {
  refreshing ??= (async () => {
    const response = await fetch("/v1/sessions/refresh", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ refresh_token: session.refresh_token }),
    });
    if (response.ok) {
      keep(await response.json());
    } else if (response.status < 500) {
      keep(null);
      dispatchEvent(new Event("session-ended"));
    }
    return response.ok;
  })().finally(() => { refreshing = null; });
  return refreshing;
}

/** `fetch` with the session's token. Throws a Problem for every answer that is not a success. */
export async function request(path, options = {}) {
  const send = () => fetch(path, {
    ...options,
    headers: {
      ...options.headers,
      ...(session ? { authorization: `Bearer ${session.access_token}` } : {}),
    },
  });
  let response = await send();
  if (response.status === 401 && session && await refresh()) response = await send();
  if (!response.ok) throw await problemOf(response);
  return response;
}

export async function json(method, path, body) {
  const response = await request(path, {
    method,
    ...(body === undefined ? {} : {
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    }),
  });
  return response.status === 204 ? null : response.json();
}

/** Sends a file, telling `progress` a number from 0 to 1. `fetch` cannot do that; XMLHttpRequest can. */
export async function upload(file, purpose, progress) {
  const send = () => new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest();
    xhr.open("POST", `/v1/uploads?purpose=${encodeURIComponent(purpose)}`);
    xhr.setRequestHeader("authorization", `Bearer ${session.access_token}`);
    xhr.responseType = "json";
    xhr.upload.onprogress = (event) => progress(event.total ? event.loaded / event.total : 0);
    xhr.onerror = () => reject(new Error("The connection broke. Nothing was stored; try again."));
    xhr.onload = () => xhr.status === 201
      ? resolve(xhr.response)
      : reject(new Problem(xhr.response || {}, xhr.status));
    xhr.send(file);
  });
  try {
    return await send();
  } catch (error) {
    if (error.status === 401 && await refresh()) return send();
    throw error;
  }
}

/**
 * Follows an upload until nothing more happens; yields each change. A stream is resumed where it ended,
 * with growing pauses if it ended early and without news, for an hour at most. `signal` ends it.
 */
export async function* follow(id, signal) {
  let last = "";
  let pause = PAUSE;
  for (const end = Date.now() + FOLLOWED; Date.now() < end;) {
    const [before, opened] = [last, Date.now()];
    try {
      const response = await request(`/v1/uploads/${id}/events`, {
        headers: last ? { "last-event-id": last } : {},
        signal,
      });
      for await (const event of events(response.body)) {
        last = event.id;
        const state = JSON.parse(event.data);
        yield state;
        if (isSettled(state)) return;
      }
    } catch (error) {
      if (signal.aborted) return;
      // An answer that says no is an answer. A server that is full or away is asked again.
      if (error instanceof Problem && error.status < 500 && error.status !== 429) throw error;
    }
    const fruitless = last === before && Date.now() - opened < PAUSE_MAX;
    pause = fruitless ? Math.min(pause * 2, PAUSE_MAX) : PAUSE;
    await new Promise((resume) => { setTimeout(resume, pause); });
    if (signal.aborted) return;
  }
}

function isSettled(upload) {
  return ["rejected", "failed", "expired"].includes(upload.status)
    || (upload.status === "ready" && !awaitsVerdict(upload));
}

/** Whether somebody is configured to judge it, and has not yet. */
export function awaitsVerdict(upload) {
  return upload.moderation === "unreviewed" && upload.moderation_expected !== false;
}

// EventSource cannot send a token, so the stream is read by hand.
async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let buffer = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    buffer += value;
    const blocks = buffer.split("\n\n");
    buffer = blocks.pop();
    for (const block of blocks) {
      const event = { id: "", data: "" };
      for (const line of block.split("\n")) {
        const [name, ...rest] = line.split(": ");
        if (name === "id" || name === "data") event[name] += rest.join(": ");
      }
      if (event.data) yield event;
    }
  }
}
