//! Programs whose clocks are off. Debian's faketime stands between them and the machine's.

use std::path::{Path, PathBuf};

/// Where distributions put the library; `None` where it is not installed.
pub fn faketime() -> Option<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib").into_iter().flatten();
    let folders = folders.flatten().map(|folder| folder.path());
    let elsewhere = ["/usr/lib", "/usr/lib64", "/usr/local/lib"].map(PathBuf::from);
    folders
        .chain(elsewhere)
        .map(|folder| folder.join("faketime/libfaketimeMT.so.1"))
        .find(|library| library.is_file())
}

/// What a program's environment has beside faketime's own variables, which say what time it is.
pub fn environment(library: &Path, clock: &[(&str, &str)]) -> Vec<(String, String)> {
    let library = library.to_string_lossy();
    let always = [
        ("LD_PRELOAD", &*library),
        // Waits are no question of what time it is.
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
    ];
    always
        .iter()
        .chain(clock)
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}
