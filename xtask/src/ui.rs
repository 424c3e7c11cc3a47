use std::time::Instant;

use anyhow::Result;

/// Says what is being done, does it, and says how long it took.
pub(crate) fn step<T>(what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    eprintln!("==> {what}");
    let start = Instant::now();
    let done = work();
    let seconds = start.elapsed().as_secs_f64();
    match &done {
        Ok(_) if seconds >= 1.0 => eprintln!("    done after {seconds:.0} s"),
        Ok(_) => {}
        Err(_) => eprintln!("    failed after {seconds:.0} s: {what}"),
    }
    done
}

/// One line for people.
pub(crate) fn note(text: &str) {
    eprintln!("    {text}");
}
