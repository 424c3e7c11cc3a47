//! The page, and the sign of life.

use sluicegate_guest::{Answer, Incoming};
use sluicegate_policy::assets::Asset;
use sluicegate_policy::headers::{HeaderList, harden, set};
use sluicegate_policy::refusal::Refusal;

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// The files of the page; one line each.
const FILES: &[Asset] = &[
    Asset::new("/", HTML, include_str!("../assets/index.html")),
    Asset::new("/app.css", CSS, include_str!("../assets/app.css")),
    Asset::new("/app.js", SCRIPT, include_str!("../assets/app.js")),
    Asset::new("/account.js", SCRIPT, include_str!("../assets/account.js")),
    Asset::new("/page.js", SCRIPT, include_str!("../assets/page.js")),
    Asset::new("/api.js", SCRIPT, include_str!("../assets/api.js")),
    Asset::new(
        "/blurhash.js",
        SCRIPT,
        include_str!("../assets/blurhash.js"),
    ),
    Asset::new("/favicon.svg", SVG, include_str!("../assets/favicon.svg")),
];

pub(crate) fn find(path: &str) -> Option<&'static Asset> {
    FILES.iter().find(|asset| asset.path == path)
}

pub(crate) fn show(request: &Incoming) -> Result<Answer, Refusal> {
    let path = request.target.split('?').next().unwrap_or_default();
    let asset = find(path).ok_or_else(Refusal::not_found)?;
    let (status, headers) = asset.answer(&request.headers);
    Ok(if status == 304 {
        Answer::empty(status, headers)
    } else {
        Answer::bytes(status, headers, asset.body.to_vec())
    })
}

pub(crate) fn healthy() -> Answer {
    let mut headers = HeaderList::new();
    set(&mut headers, "content-type", "text/plain; charset=utf-8");
    set(&mut headers, "content-length", "3");
    set(&mut headers, "cache-control", "no-store");
    harden(&mut headers);
    Answer::bytes(200, headers, b"ok\n".to_vec())
}
