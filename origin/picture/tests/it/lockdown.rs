#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::process::Command;

use sluicegate_picture::ChildLimits;

use crate::support::CHILD;

/// The report of a child that tried everything, before and behind its lockdown.
fn report() -> String {
    let output = Command::new(CHILD)
        .arg("probe")
        .args(ChildLimits::default().caps.to_args())
        .output()
        .unwrap();
    let report = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{report}");
    report
}

#[test]
fn behind_the_lockdown_nothing_is_reached() {
    let report = report();
    let lines: Vec<&str> = report.lines().collect();
    assert_eq!(lines.len(), 11, "{report}");
    for line in lines {
        let (name, outcomes) = line.split_once(": ").unwrap();
        let (before, behind) = outcomes.split_once(", ").unwrap();
        // What fails anyway proves nothing about the lockdown.
        assert_eq!(before, "works", "{name}");
        assert_eq!(behind, "refused", "{name}");
    }
}
