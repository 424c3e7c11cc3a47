//! What the sniffer says of any file, and that it never takes it back.

use sluicegate_sniff::{HEAD, Inspection, inspect};

/// The first byte says how much longer the file is than what follows.
pub fn run(data: &[u8]) {
    let Some((more, head)) = data.split_first() else {
        return;
    };
    let here = head.len() as u64;
    let total = here + u64::from(more % 8) * 97;
    let answer = inspect(head, total);
    if here >= total.min(HEAD as u64) {
        assert_ne!(answer, Inspection::NeedMore, "all there is to see was seen");
    }
    for cut in [head.len() / 3, head.len() / 2, head.len().saturating_sub(1)] {
        let early = inspect(head.get(..cut).unwrap_or_default(), total);
        let is_steady = early == Inspection::NeedMore || early == answer;
        assert!(is_steady, "{early:?}, then {answer:?}");
    }
    if let Inspection::Picture(picture) = answer {
        assert_eq!(picture.width == 0, picture.height == 0);
    }
}
