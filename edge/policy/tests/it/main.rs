//! What fuzzing found worth keeping; the bodies are those of the fuzz targets.

#[path = "../../../../fuzz/bodies/conditions.rs"]
mod conditions;
#[path = "../../../../fuzz/bodies/headers.rs"]
mod headers;
#[path = "../../../../fuzz/bodies/multipart.rs"]
mod multipart;
#[path = "../../../../fuzz/bodies/replay.rs"]
mod replay;
#[path = "../../../../fuzz/bodies/targets.rs"]
mod targets;
#[path = "../../../../fuzz/bodies/tokens.rs"]
mod tokens;

#[test]
fn conditions() {
    replay::replay("conditions", conditions::run);
}

#[test]
fn headers() {
    replay::replay("headers", headers::run);
}

#[test]
fn targets() {
    replay::replay("targets", targets::run);
}

#[test]
fn tokens() {
    replay::replay("tokens", tokens::run);
}

#[test]
fn multipart() {
    replay::replay("multipart", multipart::run);
}
