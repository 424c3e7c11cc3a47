//! Programs whose clocks are off. Debian's faketime stands between them and the machine's.

use std::path::{Path, PathBuf};

/// Its library; `None` where nobody has named one.
pub fn faketime() -> Option<PathBuf> {
    let library = PathBuf::from(std::env::var_os("SLUICEGATE_FAKETIME")?);
    library.is_file().then_some(library)
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
