//! `doctor --deep`: do database and store agree?

use anyhow::Result;
use sluicegate_core::audit::{Audit, AuditReport, Found};
use sluicegate_core::sweep::Bucket;

use crate::compose::Ports;
use crate::places::Places;
use crate::program;
use crate::settings::Settings;
use crate::table::table;

/// Compares all rows with all objects and prints what it found; answers whether all is sound. It changes
/// nothing, and what runs meanwhile does not disturb it.
pub async fn look(settings: &Settings) -> Result<bool> {
    let program = program::own_file()?;
    let places = Places::find(settings, &program).await?;
    let ports = crate::compose::ports(settings, &places, &program).await?;
    let looked = async {
        let bucket = crate::compose::sweep(&ports).bucket().await?;
        anyhow::Ok((audit(&ports).run().await?, bucket))
    };
    let looked = looked.await;
    ports.database.close().await;
    places.leave().await;
    let (report, bucket) = looked?;
    print!(
        "{}",
        table(["audit", "count", "what it means"], &rows(&report))
    );
    println!("bucket: {}", whose(bucket));
    Ok(report.is_sound())
}

fn whose(bucket: Bucket) -> &'static str {
    match bucket {
        Bucket::Ours => "this database's own",
        Bucket::Unmarked => "not marked yet; the first sweep does that if it knows the pictures",
        Bucket::Foreign => {
            "marked as another database's: what no row knows stays; see docs/operations/store.md"
        }
    }
}

fn audit(ports: &Ports) -> Audit {
    Audit {
        store: ports.database.audit(),
        objects: std::sync::Arc::clone(&ports.objects),
    }
}

fn rows(report: &AuditReport) -> Vec<[String; 3]> {
    let row =
        |what: &str, count: u64, meaning: String| [what.to_owned(), count.to_string(), meaning];
    vec![
        row(
            "uploads",
            report.uploads,
            "rows that were looked at".to_owned(),
        ),
        row(
            "objects",
            report.objects,
            "objects that were looked at".to_owned(),
        ),
        row(
            "missing",
            report.missing.count,
            with_first(
                "LOST: the row is there, its object is not; restore it from a backup",
                &report.missing,
            ),
        ),
        row(
            "leftovers",
            report.leftovers.count,
            with_first(
                "no row needs them; the sweep deletes them in its time",
                &report.leftovers,
            ),
        ),
        row(
            "strangers",
            report.strangers,
            "objects that are not ours".to_owned(),
        ),
        row(
            "judged twice",
            report.judged_twice,
            "WRONG if not 0: more than one record of a verdict".to_owned(),
        ),
        row(
            "judged without record",
            report.judged_without_record,
            "WRONG if not 0: a verdict that no record explains".to_owned(),
        ),
    ]
}

fn with_first(meaning: &str, found: &Found) -> String {
    if found.count == 0 {
        return "none".to_owned();
    }
    let first: Vec<_> = found.first.iter().map(ToString::to_string).collect();
    format!("{meaning}: {}", first.join(" "))
}
