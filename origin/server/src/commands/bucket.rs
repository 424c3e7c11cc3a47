//! `bucket init`: the bucket as it should be, on any store.

use std::process::ExitCode;

use anyhow::{Context, Result};
use sluicegate_core::error::PortError;
use sluicegate_core::sweep::SweepRules;
use sluicegate_core::upload::STAGING;
use sluicegate_s3::{BucketChanges, BucketState, S3ObjectStore, StagingRule, Standing};

use crate::cli;
use crate::places::{Places, configured};
use crate::program;
use crate::settings::Settings;

const DAY: u64 = 24 * 60 * 60;

/// What the bucket is to do with files in `staging/` that were not swept. Later than the sweep itself ever does it, so
/// that it never takes a file of which a picture may still be made.
pub(crate) fn staging_rule() -> StagingRule {
    let days = SweepRules::default()
        .staged_at_most()
        .as_secs()
        .div_ceil(DAY);
    StagingRule {
        prefix: STAGING,
        days: u16::try_from(days).unwrap_or(u16::MAX),
    }
}

/// Sets it up, and prints what was done and what the store does not know.
pub async fn command(settings: &Settings, command: cli::Bucket) -> Result<ExitCode> {
    let cli::Bucket::Init = command;
    let rule = staging_rule();
    let (done, state) = if let Some(chosen) = &settings.objects {
        set_up(&configured(chosen, settings), rule).await
    } else {
        let places = Places::find(settings, &program::own_file()?).await?;
        let set_up = set_up(&places.objects, rule).await;
        places.leave().await;
        set_up
    };
    let changes = done.context("cannot set up the bucket")?;
    for line in lines(&settings.bucket, rule, &changes, &state) {
        println!("{line}");
    }
    Ok(if is_sound(&state) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

async fn set_up(
    place: &sluicegate_s3::Settings,
    rule: StagingRule,
) -> (Result<BucketChanges, PortError>, BucketState) {
    let store = S3ObjectStore::new(place);
    let done = store.set_up_bucket(rule).await;
    (done, store.inspect_bucket(rule).await)
}

fn is_sound(state: &BucketState) -> bool {
    let sound = |standing: &Standing| matches!(standing, Standing::Right | Standing::Unsupported);
    sound(&state.staging) && sound(&state.policy) && sound(&state.block)
}

fn lines(
    bucket: &str,
    rule: StagingRule,
    changes: &BucketChanges,
    state: &BucketState,
) -> [String; 4] {
    let days = rule.days;
    let staging = format!("files in {STAGING} expire after {days} days");
    [
        format!("bucket: {bucket}, {}", done(changes.made, "made")),
        format!(
            "lifecycle: {}",
            standing(
                &state.staging,
                &format!("{staging}, {}", done(changes.staging, "set")),
                "this store has no such rules; the sweep alone deletes",
            )
        ),
        format!(
            "policy: {}",
            match &changes.policy {
                Some(policy) => format!("deleted, since it let anybody in: {policy}"),
                None => standing(
                    &state.policy,
                    "lets nobody in without keys",
                    "this store has none; it refuses what is not signed",
                ),
            }
        ),
        format!(
            "public access: {}",
            standing(
                &state.block,
                &format!("blocked, {}", done(changes.block, "set")),
                "this store has no switch for that",
            )
        ),
    ]
}

fn done(changed: bool, what: &str) -> String {
    if changed {
        format!("{what} now")
    } else {
        "as it was".to_owned()
    }
}

fn standing(standing: &Standing, right: &str, unsupported: &str) -> String {
    match standing {
        Standing::Right => right.to_owned(),
        Standing::Unsupported => unsupported.to_owned(),
        Standing::Wrong(found) => format!("WRONG: {found}"),
        Standing::Unknown(why) => format!("not told: {why}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_never_comes_before_the_sweep() {
        let rules = SweepRules::default();
        let days = u64::from(staging_rule().days);
        assert!(days * DAY > (rules.failed_for + rules.loose_for).as_secs());
        assert_eq!(days, 38);
    }
}
