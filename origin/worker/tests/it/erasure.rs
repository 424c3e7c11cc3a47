//! Nothing of a person is left when the time is over: in no table, and not in the store.

use std::time::Duration;

use sluicegate_contract::ids::{AccountId, SessionId};
use sluicegate_contract::token::Role;
use sluicegate_core::account::NewAccount;
use sluicegate_core::job::{ERASE_JOB, JobState};
use sluicegate_core::session::NewSession;
use sluicegate_core::upload::{media_object, staged_object};

use crate::support::World;

const GRACE: Duration = Duration::from_hours(30 * 24);

/// A person, and all names under which something of them is kept.
struct Somebody {
    id: AccountId,
    names: Vec<String>,
    objects: Vec<String>,
}

async fn somebody(world: &World, handle: &str) -> Somebody {
    let id = AccountId(world.env.new_id());
    let now = world.env.now();
    let account = NewAccount {
        id,
        handle: handle.to_owned(),
        display_name: format!("{handle} herself"),
        password_hash: format!("hash of {handle}"),
        created_at: now,
    };
    let session = NewSession {
        id: SessionId(world.env.new_id()),
        account: id,
        refresh: world.env.random(),
        device: world.env.random(),
        created_at: now,
        expires_at: now.plus(GRACE),
    };
    world.accounts.create(&account, &session).await.unwrap();
    let record = world.env.new_id();
    let role = world.accounts.set_role(handle, Role::Reviewer, record, now);
    role.await.unwrap();
    let device = hex::encode(session.device);
    let keys = [
        format!("log-in:handle:{handle}"),
        format!("log-in:handle:{handle}:address:192.0.2.1"),
        format!("log-in:device:{device}"),
    ];
    for key in &keys {
        world.accounts.count_attempt(key, now, now).await.unwrap();
    }
    world.database.note_write(id).await;
    // One picture that is made, one file that still lies there, and jobs that wait.
    let (made, job) = world.upload(id, "a picture").await;
    let running = world.work();
    world.until_job(job, JobState::Done).await;
    running.stop().await;
    let (staged, _) = world.upload(id, "another picture").await;
    let post = world.named_post(id, &format!("a post of {handle}")).await;
    let objects = vec![media_object(made), staged_object(staged)];
    for object in &objects {
        assert!(world.objects.has(object), "{object}");
    }
    let mut names = vec![id.to_string(), handle.to_owned(), device];
    names.extend([made.to_string(), staged.to_string(), post.to_string()]);
    Somebody { id, names, objects }
}

async fn mentions(world: &World, somebody: &Somebody) -> Vec<String> {
    let mut found = Vec::new();
    for name in &somebody.names {
        let tables = world.database.tables_that_mention(name).await;
        found.extend(tables.into_iter().map(|table| format!("{table}: {name}")));
    }
    found
}

#[tokio::test]
async fn nothing_of_a_person_is_left() {
    let world = World::new().await;
    let ada = somebody(&world, "ada_lovelace").await;
    let grace = somebody(&world, "grace_hopper").await;
    let before = mentions(&world, &ada).await;
    for table in [
        "accounts",
        "attempts",
        "devices",
        "jobs",
        "moderation_records",
        "posts",
        "recent_writes",
        "role_changes",
        "sessions",
        "stored_answers",
        "uploads",
    ] {
        assert!(
            before.iter().any(|found| found.starts_with(table)),
            "{table}: {before:?}"
        );
    }
    let others = mentions(&world, &grace).await;
    world.leave(ada.id).await;

    // Not a day earlier.
    world
        .clock
        .put_forward(GRACE.saturating_sub(Duration::from_secs(1)));
    assert_eq!(world.erase().await.unwrap(), 0);
    let meanwhile = mentions(&world, &ada).await;
    assert!(before.iter().all(|found| meanwhile.contains(found)));

    // The store is down: what could be done is done, and the account is still there to be found.
    world.clock.put_forward(Duration::from_secs(1));
    world.objects.set_keeps(true);
    world.erase().await.unwrap_err();
    assert!(world.accounts.account(ada.id).await.unwrap().is_some());
    assert!(world.objects.has(ada.objects.first().unwrap()));
    world.objects.set_keeps(false);
    assert_eq!(world.erase().await.unwrap(), 1);
    assert_eq!(world.erase().await.unwrap(), 0);

    assert_eq!(mentions(&world, &ada).await, Vec::<String>::new());
    for object in &ada.objects {
        assert!(!world.objects.has(object), "{object}");
    }
    assert_eq!(mentions(&world, &grace).await, others);
    for object in &grace.objects {
        assert!(world.objects.has(object), "{object}");
    }
}

#[tokio::test]
async fn the_job_of_each_hour_erases() {
    let world = World::new().await;
    let ada = somebody(&world, "ada_lovelace").await;
    world.leave(ada.id).await;
    world.clock.put_forward(GRACE);
    let hourly = sluicegate_core::periodic::PERIODIC
        .iter()
        .find(|periodic| periodic.name == ERASE_JOB)
        .unwrap();
    let job = hourly.job(world.env.now());
    world.queue.add(&job).await.unwrap();
    let running = world.work();
    world.until_job(job.id, JobState::Done).await;
    running.stop().await;
    assert_eq!(mentions(&world, &ada).await, Vec::<String>::new());
    assert_eq!(world.observer.swept(ERASE_JOB, "accounts"), Some(1));
}

#[tokio::test]
async fn an_account_that_fails_keeps_neither_the_others_nor_their_count() {
    let world = World::new().await;
    let ada = somebody(&world, "ada_lovelace").await;
    let grace = world.account("grace_hopper").await;
    world.leave(ada.id).await;
    world.leave(grace).await;
    world.clock.put_forward(GRACE);
    // Of grace nothing lies in the store.
    world.objects.set_keeps(true);
    let mut erased = 0;
    let ended = world.context.erasure.run_into(&mut erased).await;
    assert!(ended.is_err());
    assert_eq!(erased, 1);
    assert!(world.accounts.account(grace).await.unwrap().is_none());
    assert!(world.accounts.account(ada.id).await.unwrap().is_some());
}
