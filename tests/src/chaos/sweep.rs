//! The sweep as a drill, days ahead of its time, and the audit that follows it.

use anyhow::{Result, ensure};
use sluicegate_contract::accounts::Account;

use super::load::{Done, Ledger};
use super::world::World;
use crate::audit::Audit;
use crate::platform::run_command;

/// Tickets run out and what is loose is found; what was loose for a day ends; objects are deleted a second time.
const HOURS_AHEAD: [&str; 3] = ["2", "30", "32"];

/// What is in the store after everything was swept that nobody needs.
pub struct Swept {
    /// What the audit found.
    pub audit: Audit,
    /// Pictures that profiles and posts show, all of which are there.
    pub shown: u64,
    /// Pictures that nothing can show, all of which are gone.
    pub gone: u64,
}

/// Sweeps as the workers will in the next days, audits rows against objects, and looks at every picture.
pub async fn drill(world: &World, ledger: &Ledger) -> Result<Swept> {
    for hours in HOURS_AHEAD {
        run_command(&world.settings(), &["sweep", "--ahead-hours", hours]).await?;
    }
    let audit = Audit::with(&world.settings()).await?;
    let (mut shown, mut gone) = (0, 0);
    for (client, done) in &ledger.people {
        let pictures = shown_by(&client.me().await?, done);
        for done in done {
            let Done::Picture {
                upload,
                purpose,
                bad: false,
            } = done
            else {
                continue;
            };
            let is_shown = pictures.contains(&upload.url);
            if !is_shown && *purpose == "post_header" {
                // A post may show it whose answer was lost, and one that was removed keeps its picture.
                continue;
            }
            let answer = world.client()?.get(&upload.url).await?;
            let status = if is_shown { 200 } else { 404 };
            ensure!(
                answer.status == status,
                "{} of {}: {status} expected, not {}",
                purpose,
                upload.id,
                answer.status
            );
            shown += u64::from(is_shown);
            gone += u64::from(!is_shown);
        }
    }
    audit.ensure_clean()?;
    let objects = audit.count("objects")?;
    let kept = kept_for_posts(ledger);
    ensure!(
        (shown..=shown + kept).contains(&objects),
        "{shown} pictures are shown and up to {kept} kept for posts, of {objects} objects"
    );
    Ok(Swept { audit, shown, gone })
}

/// How many pictures posts may keep that nobody sees: posts that were removed, and those of which nobody knows.
fn kept_for_posts(ledger: &Ledger) -> u64 {
    let done = ledger.people.iter().flat_map(|(_, done)| done);
    let keeps = |done: &&Done| match done {
        Done::Post { post, bad } => *bad && post.header.is_some(),
        Done::UnknownPost => true,
        Done::Picture { .. } => false,
    };
    done.filter(keeps).count() as u64
}

/// The addresses of the pictures that somebody's profile and posts show.
fn shown_by(me: &Account, done: &[Done]) -> Vec<String> {
    let avatar = me
        .profile
        .avatar
        .as_ref()
        .map(|picture| picture.url.clone());
    let headers = done.iter().filter_map(|done| match done {
        Done::Post { post, bad: false } => Some(post.header.as_ref()?.url.clone()),
        _ => None,
    });
    avatar.into_iter().chain(headers).collect()
}
