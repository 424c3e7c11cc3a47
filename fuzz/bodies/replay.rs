//! The committed corpus, as an ordinary test.

use std::fs;
use std::path::Path;

/// Hands every file of a target's corpus to its body.
pub fn replay(target: &str, run: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .map(|folder| folder.join("fuzz/corpus").join(target))
        .find(|folder| folder.is_dir());
    let mut count = 0;
    for entry in folder
        .into_iter()
        .flat_map(fs::read_dir)
        .flatten()
        .flatten()
    {
        let input = fs::read(entry.path()).unwrap_or_default();
        assert!(input.len() <= 4_096, "{} is large", entry.path().display());
        run(&input);
        count += 1;
    }
    assert!(count > 5, "the corpus of {target} is not there");
}
