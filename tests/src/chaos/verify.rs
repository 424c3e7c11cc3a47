//! What must be true when all faults are over.

use std::time::Duration;

use anyhow::Result;
use sluicegate_contract::uploads::{Moderation, UploadState};

use super::load::{Done, Ledger};
use super::world::World;
use crate::client::Client;
use crate::wait::wait_for;

/// For what is still in the queue, the longest pauses between attempts included.
const SETTLE_LIMIT: Duration = Duration::from_mins(10);

/// What was looked at, and what is wrong.
#[derive(Default)]
pub struct Findings {
    pub pictures: u64,
    pub removed_pictures: u64,
    pub posts: u64,
    pub removed_posts: u64,
    pub judged: u64,
    pub wrong: Vec<String>,
}

/// Looks at everything that was acknowledged, as its owner.
pub async fn all(world: &World, ledger: &Ledger) -> Result<Findings> {
    let mut findings = Findings::default();
    for (client, done) in &ledger.people {
        for done in done {
            let wrong = match done {
                Done::Picture { upload, bad, .. } => {
                    findings.pictures += 1;
                    findings.removed_pictures += u64::from(*bad);
                    picture(client, upload.id, *bad).await
                }
                Done::UnknownPost => continue,
                Done::Post { post, bad } => {
                    findings.posts += 1;
                    findings.removed_posts += u64::from(*bad);
                    self::post(client, &format!("/v1/posts/{}", post.id), *bad).await
                }
            };
            if let Err(wrong) = wrong {
                findings.wrong.push(format!("{wrong:#}"));
            }
        }
    }
    findings.judged = world.detector.judged();
    Ok(findings)
}

async fn picture(client: &Client, id: sluicegate_contract::ids::UploadId, bad: bool) -> Result<()> {
    let upload = wait_for(
        format!("a verdict on upload {id}"),
        SETTLE_LIMIT,
        async || {
            let upload = client.upload_state(id).await?;
            let over = upload.moderation != Moderation::Unreviewed
                || matches!(upload.status, UploadState::Failed | UploadState::Rejected);
            Ok(over.then_some(upload))
        },
    )
    .await?;
    let expected = if bad {
        Moderation::Removed
    } else {
        Moderation::Passed
    };
    anyhow::ensure!(
        upload.moderation == expected,
        "upload {id} should be {expected:?}: {upload:?}"
    );
    let shown = client.get(&upload.url).await?;
    let status = if bad { 404 } else { 200 };
    shown.expect_status(status)?;
    anyhow::ensure!(
        bad || image::load_from_memory(&shown.body).is_ok(),
        "upload {id} is not a picture"
    );
    Ok(())
}

async fn post(client: &Client, path: &str, bad: bool) -> Result<()> {
    wait_for(format!("a verdict on {path}"), SETTLE_LIMIT, async || {
        let answer = client.get(path).await?;
        if bad {
            return Ok((answer.status == 404).then_some(()));
        }
        let post: sluicegate_contract::posts::Post = answer.expect(200)?;
        Ok((post.moderation == Moderation::Passed).then_some(()))
    })
    .await
}
