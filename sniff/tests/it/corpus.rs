//! What fuzzing found worth keeping; the bodies are those of the fuzz targets.

#[path = "../../../fuzz/bodies/replay.rs"]
mod replay;
#[path = "../../../fuzz/bodies/sniff.rs"]
mod sniff;

#[test]
fn the_corpus_holds() {
    replay::replay("sniff", sniff::run);
}
