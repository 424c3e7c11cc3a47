use crate::process::Stop;
use crate::toolchain::{can_install, install, on_path};
use crate::ui::{note, step};

/// Gets a browser for the test of the page where that is possible. Without one that test reports itself as skipped.
pub(crate) fn try_get(stop: &Stop) {
    if on_path("chromedriver").is_some() {
        return;
    }
    if !can_install() {
        note("no chromedriver on the path: the test of the page will be skipped");
        return;
    }
    let packages = ["chromium", "chromium-driver"];
    let got = step(
        "Installing Chromium for the test of the page (about a minute)",
        || install(stop, &packages),
    );
    if let Err(error) = got {
        note(&format!("the test of the page will be skipped: {error:#}"));
    }
}
