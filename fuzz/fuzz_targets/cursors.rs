#![no_main]

#[path = "../bodies/cursors.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::run(data));
