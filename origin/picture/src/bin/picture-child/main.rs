//! The child as a program of its own, for tests: `sluicegate-origin` has it as a subcommand. A first
//! argument makes it misbehave on purpose, or try what its lockdown has to refuse.

mod misbehave;
mod probe;

use std::ffi::OsString;
use std::process::ExitCode;

use sluicegate_picture::{Caps, child_main, lock_down};

fn main() -> ExitCode {
    let mut args: Vec<OsString> = std::env::args_os().skip(1).collect();
    let mode = match args.first().and_then(|arg| arg.to_str()) {
        Some(mode) if mode.parse::<u64>().is_err() => mode.to_owned(),
        _ => return child_main(args),
    };
    args.remove(0);
    // What else stands before the two caps is for `ps` alone.
    let caps = args.split_off(args.len().saturating_sub(2));
    let Some(caps) = Caps::from_args(caps) else {
        return ExitCode::from(2);
    };
    if mode == "probe" {
        return probe::run(caps);
    }
    if lock_down(caps).is_err() {
        return ExitCode::from(3);
    }
    match mode.as_str() {
        "spin" => misbehave::spin(),
        "hog" => misbehave::hog(),
        "panic" => misbehave::panic(),
        "flood" => misbehave::flood(),
        "wait" => misbehave::wait(),
        "deaf" => misbehave::deaf(),
        "lie" => misbehave::lie(),
        _ => ExitCode::from(2),
    }
}
