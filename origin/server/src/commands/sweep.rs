//! `sweep`: one run of the sweep at once, instead of in its time.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};
use sluicegate_contract::time::Timestamp;
use sluicegate_core::env::Clock;
use sluicegate_core::sweep::{Bucket, Sweep};

use crate::places::Places;
use crate::settings::Settings;
use crate::{cli, compose, program};

struct Fixed(Timestamp);

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        self.0
    }
}

/// Sweeps, and prints what was done.
pub async fn command(settings: &Settings, options: &cli::Sweep) -> Result<ExitCode> {
    ensure!(
        options.ahead_hours == 0 || settings.database.is_none(),
        "--ahead-hours deletes what is still needed today: it is for drills on the embedded database alone"
    );
    let program = program::own_file()?;
    let places = Places::find(settings, &program).await?;
    let ports = compose::ports(settings, &places, &program).await?;
    let mut sweep: Sweep = compose::sweep(&ports);
    if options.ahead_hours > 0 {
        let ahead = Duration::from_hours(options.ahead_hours.into());
        sweep.env.clock = Arc::new(Fixed(sweep.env.now().plus(ahead)));
    }
    let claimed = if options.claim_bucket {
        sweep.claim_bucket().await
    } else {
        Ok(())
    };
    let report = match claimed {
        Ok(()) => sweep.run().await,
        Err(error) => Err(error),
    };
    ports.database.close().await;
    places.leave().await;
    let report = report?;
    println!(
        "tickets expired: {}, found loose: {}, loose expired: {}, swept: {}, leftovers deleted: {}, orphans deleted: {}",
        report.tickets_expired,
        report.loose_found,
        report.loose_expired,
        report.uploads_swept,
        report.leftovers_deleted,
        report.orphans_deleted
    );
    match report.bucket {
        Bucket::Ours => {}
        Bucket::Foreign => println!(
            "the bucket says that it is another database's: objects that no row knows were left"
        ),
        Bucket::Unmarked => println!(
            "the bucket does not say whose it is, and most of its pictures are unknown here: \
             objects that no row knows were left"
        ),
    }
    Ok(ExitCode::SUCCESS)
}
