// Who is here: signing up, logging in and out, deleting the account and taking that back.

import * as api from "/api.js";
import { $, attempt, picture, say } from "/page.js";

// By handle. A device that an account knows is let in while others guess at the password; the token opens nothing.
const DEVICES = "sluicegate.devices";

function devices() {
  try {
    return JSON.parse(localStorage.getItem(DEVICES)) ?? {};
  } catch {
    return {};
  }
}

/** Keeps what the next log-in needs apart from the session: it outlives that. */
function begin({ device_token: token, ...session }) {
  if (token) {
    try {
      const known = { ...devices(), [session.account.handle]: token };
      localStorage.setItem(DEVICES, JSON.stringify(known));
    } catch {
      // Where nothing can be stored this device stays a stranger.
    }
  }
  api.keep(session);
}

export function showAccount() {
  const account = api.session?.account;
  $("account").hidden = Boolean(account);
  for (const id of ["upload", "write", "who", "leave"]) $(id).hidden = !account;
  $("leave").open = false;
  if (!account) return;
  // For those who keep passwords: which one is asked for.
  $("leave-handle").value = account.handle;
  $("who-name").textContent = account.display_name;
  $("who-avatar").replaceChildren(...(account.avatar ? [picture(account.avatar, "", "avatar")] : []));
}

export async function reloadAccount() {
  const account = await api.json("GET", "/v1/me");
  api.keep({ ...api.session, account });
  showAccount();
}

function end() {
  api.keep(null);
  showAccount();
  dispatchEvent(new Event("signed-out"));
}

const day = (iso) => new Date(iso).toLocaleDateString([], { dateStyle: "long" });

function enter(how) {
  const [handle, password] = [$("handle").value, $("password").value];
  if (how === "sign-up") return api.json("POST", "/v1/accounts", { handle, password });
  const [known, name] = [devices(), handle.toLowerCase()];
  return api.json("POST", "/v1/sessions", {
    handle,
    password,
    // Handles are names of anybody's choice.
    ...(Object.hasOwn(known, name) ? { device_token: known[name] } : {}),
    ...(how === "restore" ? { restore: true } : {}),
  });
}

/** Says when the account will be gone, and offers to keep it. */
function offerRestore(problem) {
  $("restore-text").textContent = `This account will be deleted for good on ${day(problem.deleteAfter)}.`;
  $("restore").hidden = false;
}

$("account-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const how = event.submitter?.value ?? "sign-up";
  $("restore").hidden = true;
  await attempt(event.target, async () => {
    try {
      begin(await enter(how));
    } catch (problem) {
      if (!problem.type?.endsWith("/account-leaving")) throw problem;
      offerRestore(problem);
      return;
    }
    $("password").value = "";
    showAccount();
    $("file").focus();
  });
  // Buttons that rest cannot be focused.
  if (!$("restore").hidden) $("restore").querySelector("button").focus();
});

$("handle").addEventListener("input", () => { $("restore").hidden = true; });

$("log-out").addEventListener("click", () => attempt(null, async () => {
  await api.json("DELETE", "/v1/sessions/current").catch(() => {});
  end();
}));

$("leave-form").addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(event.target, async () => {
    const { delete_after: until } = await api.json("DELETE", "/v1/me", {
      password: $("leave-password").value,
    });
    $("leave-password").value = "";
    end();
    say(`Your account is hidden, and will be deleted for good on ${day(until)}. Log in before that to keep it.`, true);
    $("handle").focus();
  });
});

addEventListener("session-ended", () => {
  end();
  say("Your session has ended. Log in again.");
});
