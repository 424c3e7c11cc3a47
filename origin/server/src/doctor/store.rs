//! The object store: whether it is there, and whether it enforces what presigned URLs promise.

use std::time::Duration;

use sluicegate_core::env::Env;
use sluicegate_core::error::PortError;
use sluicegate_core::ports::ObjectStore;
use sluicegate_s3::{BucketState, S3ObjectStore, Standing};

use super::{Finding, Running, State, apart};
use crate::commands::bucket::staging_rule;
use crate::places::{configured, embedded_objects};
use crate::settings::Settings;
use crate::store::probe::{self, Verdict};

pub(super) const WHAT: &str = "objects";
pub(super) const BUCKET: &str = "bucket";
/// Stores refuse signatures that are 15 minutes off.
const SKEW_NOTED: Duration = Duration::from_secs(30);
const SKEW_WRONG: Duration = Duration::from_mins(5);
pub(super) async fn look(settings: &Settings, running: &Running<'_>, env: &Env) -> Vec<Finding> {
    let (place, chosen) = match (&settings.objects, running) {
        (Some(chosen), _) => (
            format!("{}/{}", chosen.endpoint, settings.bucket),
            configured(chosen, settings),
        ),
        (None, Ok(Some(services))) => ("embedded".to_owned(), embedded_objects(services, settings)),
        (None, Ok(None)) => {
            let state = State::Note("not running".to_owned(), "start `sluicegate-origin serve`");
            return vec![Finding::new(WHAT, "embedded", state)];
        }
        (None, Err(error)) => {
            let state = State::Wrong(error.clone(), "check SLUICEGATE_DATA");
            return vec![Finding::new(WHAT, "embedded", state)];
        }
    };
    let store = S3ObjectStore::new(&chosen);
    if let Err(error) = store.ping().await {
        return vec![Finding::new(WHAT, place, missing(&error))];
    }
    let mut findings = vec![Finding::new(WHAT, place, State::ok("ok"))];
    findings.extend(probe(&chosen, env).await);
    let state = store.inspect_bucket(staging_rule()).await;
    let name = settings.bucket.clone();
    findings.push(Finding::new(BUCKET, name, bucket(state)));
    findings
}

/// The worst of what was found of it.
fn bucket(state: BucketState) -> State {
    const INIT: &str = "run `sluicegate-origin bucket init`";
    if let Standing::Wrong(found) = state.policy {
        return State::Wrong(found, INIT);
    }
    for standing in [&state.staging, &state.block] {
        if let Standing::Wrong(found) = standing {
            return State::Note(found.clone(), INIT);
        }
    }
    for standing in [&state.staging, &state.policy, &state.block] {
        if let Standing::Unknown(why) = standing {
            return State::Note(
                format!("not told: {why}"),
                "nothing, if `bucket init` was run with other keys; else let these read it",
            );
        }
    }
    State::ok(match state.staging {
        Standing::Unsupported => "ok; it has no rules for old files, the sweep alone deletes",
        _ => "ok, old files in staging/ expire, nobody is let in without keys",
    })
}

fn missing(error: &PortError) -> State {
    let said = error.to_string();
    if said.contains("there is no bucket") {
        State::Wrong(
            said,
            "run `sluicegate-origin bucket init` with keys that may make it",
        )
    } else {
        State::Wrong(
            said,
            "check S3_ENDPOINT and the keys, and that the store runs",
        )
    }
}

/// Tries what presigned URLs promise, on each way that they are used on.
async fn probe(settings: &sluicegate_s3::Settings, env: &Env) -> Vec<Finding> {
    let probed = probe::all(settings, env).await;
    let any = probed.iter().any(|probed| probed.verdict.is_told());
    let mut findings = Vec::new();
    for probed in probed {
        let place = probed.place;
        findings.push(Finding::new(
            "presigned uploads",
            &place,
            state(probed.verdict, any),
        ));
        if let Some(date) = probed.date {
            let skew = apart(env.now(), date);
            findings.push(Finding::new("store's clock", &place, clock(skew)));
        }
        if let Some(error) = probed.left {
            let state = State::Wrong(error.to_string(), "let the keys delete objects");
            findings.push(Finding::new("deleting", &place, state));
        }
    }
    findings
}

fn state(verdict: Verdict, told_elsewhere: bool) -> State {
    match verdict {
        Verdict::Enforces => State::ok("ok, length, type, SHA-256 and single use are enforced"),
        Verdict::Lacks(lack) => State::Wrong(lack.found.to_owned(), lack.remedy),
        Verdict::Refuses(why) => State::Wrong(
            why,
            "check S3_REGION and S3_EDGE_ENDPOINT: both are part of signatures; the keys' rights; and the clocks",
        ),
        Verdict::Untold(why) if told_elsewhere => State::Note(
            why,
            "nothing, if it leads nowhere from here; else check it, or run doctor where it is used",
        ),
        Verdict::Untold(why) => State::Note(
            why,
            "check S3_EDGE_ENDPOINT, or run doctor where the edges are",
        ),
    }
}

fn clock(skew: Duration) -> State {
    let found = format!("{} s apart from this machine's", skew.as_secs());
    if skew > SKEW_WRONG {
        State::Wrong(
            found,
            "set both clocks by NTP: the store will refuse signatures",
        )
    } else if skew > SKEW_NOTED {
        State::Note(found, "set both clocks by NTP")
    } else {
        State::ok(format!("ok, {found}"))
    }
}

#[cfg(test)]
mod tests {
    use sluicegate_s3::{BucketState, Standing};

    use super::{State, bucket};

    fn right() -> BucketState {
        BucketState {
            staging: Standing::Right,
            policy: Standing::Right,
            block: Standing::Right,
        }
    }

    #[test]
    fn an_open_bucket_is_wrong_and_what_else_differs_is_noted() {
        let wrong = || Standing::Wrong("found".to_owned());
        let unknown = || Standing::Unknown("denied".to_owned());
        let mut states = [right(), right(), right(), right(), right(), right()];
        let [open, rule, block, closed, untold, both] = &mut states;
        open.policy = wrong();
        rule.staging = wrong();
        block.block = wrong();
        closed.policy = unknown();
        untold.staging = unknown();
        (both.policy, both.staging) = (wrong(), unknown());
        let said = states.map(bucket);
        let [open, rule, block, closed, untold, both] = &said;
        for wrong in [open, both] {
            assert!(matches!(wrong, State::Wrong(found, _) if found == "found"));
        }
        for noted in [rule, block] {
            assert!(matches!(noted, State::Note(found, _) if found == "found"));
        }
        for noted in [closed, untold] {
            assert!(matches!(noted, State::Note(found, _) if found.contains("denied")));
        }
    }

    #[test]
    fn a_store_that_knows_no_rules_is_well_and_told_apart() {
        let said = |state| match bucket(state) {
            State::Ok(said) => said,
            State::Note(said, _) | State::Wrong(said, _) => panic!("{said}"),
        };
        let mut plain = right();
        plain.staging = Standing::Unsupported;
        plain.block = Standing::Unsupported;
        assert!(said(plain).contains("the sweep alone deletes"));
        assert!(said(right()).contains("old files in staging/ expire"));
    }
}
