//! What fuzzing found worth keeping; the bodies are those of the fuzz targets.

#[path = "../../../../fuzz/bodies/cursors.rs"]
mod cursors;
#[path = "../../../../fuzz/bodies/replay.rs"]
mod replay;

#[test]
fn the_corpus_holds() {
    replay::replay("cursors", cursors::run);
}
