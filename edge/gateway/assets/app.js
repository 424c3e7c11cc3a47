import * as api from "/api.js";
import { reloadAccount, showAccount } from "/account.js";
import { $, attempt, make, picture, say } from "/page.js";

let postPicture = null;
let nextPosts = null;
// Ends the following of the upload before: there is one place to show it.
let following = new AbortController();

// --- account ------------------------------------------------------------------------------------

addEventListener("signed-out", () => {
  following.abort();
  // What was theirs alone, or is hidden with them, is not to be seen any more.
  attempt(null, loadPosts);
});

// --- upload -------------------------------------------------------------------------------------

function stage(name, text, failed = false) {
  const item = document.querySelector(`#stages [data-stage=${name}]`);
  item.className = failed ? "failed" : "done";
  item.querySelector("time").textContent = text;
}

function wait(name, text) {
  document.querySelector(`#stages [data-stage=${name}] time`).textContent = text;
}

function startJourney() {
  $("journey").hidden = false;
  $("result").hidden = true;
  for (const item of $("stages").children) {
    item.className = "";
    item.querySelector("time").textContent = "";
  }
}

const clockTime = (iso) => new Date(iso).toLocaleTimeString([], { hour12: false });
const between = (from, to) => `${Math.max(0, new Date(to) - new Date(from))} ms later`;

/** Shows how far an upload has come. */
function showStages(upload) {
  if (upload.received_at) {
    stage("received", `${clockTime(upload.received_at)}, ${between(upload.created_at, upload.received_at)}`);
  }
  if (upload.ready_at) stage("processed", between(upload.received_at, upload.ready_at));
  if (upload.moderated_at) {
    const text = `${upload.moderation}, ${between(upload.ready_at ?? upload.received_at, upload.moderated_at)}`;
    stage("moderated", text, upload.moderation === "removed");
  } else if (upload.status === "ready" && api.awaitsVerdict(upload)) {
    wait("moderated", "waiting for the detector");
  } else if (upload.status === "ready") {
    stage("moderated", "no detector configured: stays unreviewed");
  }
  if (upload.status === "rejected" && !upload.moderated_at) {
    stage("processed", `refused: ${upload.reason}`, true);
  }
  if (upload.status === "failed") stage("processed", "failed; it is kept and can be tried again", true);
}

function showResult(upload) {
  $("result").hidden = upload.status !== "ready";
  if (upload.status !== "ready") return;
  $("result").querySelector(".frame").replaceWith(picture(upload, "The picture that you sent"));
  $("result").querySelector("figcaption").textContent =
    `${upload.width} × ${upload.height} WebP, ${upload.moderation}: ${upload.url}`
    + (upload.preview_url ? " (only you see it until it has passed)" : "");
}

async function send(file) {
  following.abort();
  const { signal } = following = new AbortController();
  const purpose = document.querySelector("input[name=purpose]:checked").value;
  startJourney();
  const started = performance.now();
  const upload = await api.upload(file, purpose, (part) => {
    if (!signal.aborted) showProgress(part);
  });
  if (signal.aborted) return;
  showProgress(1);
  stage("sent", `${Math.round(performance.now() - started)} ms, ${file.size} bytes`);
  showStages(upload);
  if (purpose === "avatar") await api.json("PUT", "/v1/me/avatar", { upload_id: upload.id });
  if (purpose === "profile_header") await api.json("PUT", "/v1/me/profile-header", { upload_id: upload.id });
  await follow(upload, purpose, signal);
}

function showProgress(part) {
  $("progress").value = part;
  $("progress-text").textContent = `${Math.round(part * 100)} %`;
}

/** Shows each change until nothing more happens, or another picture is sent. */
async function follow(upload, purpose, signal) {
  let shown = "";
  for await (const change of api.follow(upload.id, signal)) {
    upload = change;
    showStages(upload);
    showResult(upload);
    if (purpose === "post_header") offer(upload);
    if (shown !== upload.status) await reloadAccount();
    shown = upload.status;
  }
  if (signal.aborted) return;
  if (upload.status === "rejected") say(`The picture was not accepted: ${upload.reason}.`);
}

/** Lets the next post show a picture as soon as it is made, and no longer than it is there. */
function offer(upload) {
  if (upload.status === "ready") postPicture = upload.id;
  else if (postPicture === upload.id) postPicture = null;
  $("post-picture").hidden = !postPicture;
}

function choose(file) {
  if (!file) return;
  attempt(null, () => send(file));
  $("file").value = "";
}

$("file").addEventListener("change", (event) => choose(event.target.files[0]));
for (const name of ["dragenter", "dragover"]) {
  $("drop").addEventListener(name, (event) => {
    event.preventDefault();
    $("drop").classList.add("over");
  });
}
for (const name of ["dragleave", "drop"]) {
  $("drop").addEventListener(name, () => $("drop").classList.remove("over"));
}
$("drop").addEventListener("drop", (event) => {
  event.preventDefault();
  choose(event.dataTransfer.files[0]);
});

// --- posts --------------------------------------------------------------------------------------

function postItem(post) {
  const by = make("p", { className: "by" });
  if (post.author.avatar) by.append(picture(post.author.avatar, "", "avatar"));
  const at = make("time", { dateTime: post.created_at, textContent: new Date(post.created_at).toLocaleString() });
  by.append(make("strong", { textContent: post.author.display_name }), ` @${post.author.handle} `, at);
  const item = make("li", {}, by, make("p", { className: "body", textContent: post.body }));
  if (post.header) item.append(picture(post.header, `Picture of a post by ${post.author.display_name}`));
  return item;
}

async function loadPosts(cursor) {
  const query = cursor ? `&cursor=${encodeURIComponent(cursor)}` : "";
  const page = await api.json("GET", `/v1/posts?limit=20${query}`);
  const items = page.items.map(postItem);
  if (cursor) $("posts").append(...items);
  else $("posts").replaceChildren(...items);
  nextPosts = page.next;
  $("more").hidden = !nextPosts;
  $("no-posts").hidden = $("posts").children.length > 0;
}

$("more").addEventListener("click", () => attempt(null, () => loadPosts(nextPosts)));

$("post-form").addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(event.target, async () => {
    const header = postPicture && $("with-picture").checked ? { header_upload_id: postPicture } : {};
    await api.json("POST", "/v1/posts", { body: $("body").value, ...header });
    $("body").value = "";
    postPicture = null;
    $("post-picture").hidden = true;
    await loadPosts();
    say("Posted.", true);
  });
});

showAccount();
attempt(null, loadPosts);
// Addresses of previews end after some minutes: those that were kept with the session may be old.
if (api.session) attempt(null, reloadAccount);
