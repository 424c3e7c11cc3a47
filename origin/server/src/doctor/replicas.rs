use sluicegate_postgres::Database;
use sluicegate_postgres::replicas::{Compared, compare};

use super::{Finding, State};
use crate::settings::{Settings, without_password};

/// A look at each replica: whether it gets what the primary has, and how soon.
pub(super) async fn look(settings: &Settings, primary: &Database) -> Vec<Finding> {
    let mut findings = Vec::new();
    for url in &settings.database_read {
        let compared = compare(primary, url.expose(), settings.database_read_lag).await;
        let state = match compared {
            Ok(Compared::InStep(after)) => {
                State::ok(format!("ok, in step after {} ms", after.as_millis()))
            }
            Ok(Compared::Late) => State::Note(
                format!(
                    "late by more than {} ms: it is left out",
                    settings.database_read_lag.as_millis()
                ),
                "see what holds it up: docs/operations/database.md",
            ),
            Ok(Compared::Unusable(why)) => State::Wrong(
                format!("cannot be used: {}", why.as_str()),
                "check DATABASE_READ_URL: docs/operations/database.md",
            ),
            // Reads go to the primary meanwhile.
            Err(error) => State::Note(
                format!("{error}: it is left out"),
                "bring it back, or take it out of DATABASE_READ_URL",
            ),
        };
        let place = without_password(url.expose());
        findings.push(Finding::new("database replica", place, state));
    }
    findings
}
