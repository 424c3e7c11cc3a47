//! What strangers read is forgotten with a verdict.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use sluicegate_contract::ids::AccountId;
use sluicegate_core::error::PortError;
use sluicegate_core::job::JobState;
use sluicegate_core::moderation::ImageGate;
use sluicegate_core::ports::{Found, PublicCache, Versions};
use sluicegate_core::public::{Change, Item};

use crate::support::World;

/// Keeps nothing but what it was told.
#[derive(Default)]
struct Told {
    changes: Mutex<Vec<Change>>,
    /// Nobody hears it.
    is_down: bool,
}

#[async_trait]
impl PublicCache for Told {
    async fn get(&self, _: &Item) -> Result<Found, PortError> {
        Ok(Found::Missing(None))
    }

    async fn put(
        &self,
        _: &Item,
        _: &Versions,
        _: Option<AccountId>,
        _: &[u8],
    ) -> Result<(), PortError> {
        Ok(())
    }

    async fn forget(&self, change: Change) -> Result<(), PortError> {
        self.changes.lock().unwrap().push(change);
        if self.is_down {
            return Err(PortError::unavailable("cache", "nobody there"));
        }
        Ok(())
    }
}

#[tokio::test]
async fn what_strangers_see_anew_is_told_to_the_cache_and_stands_without_it() {
    for (gate, is_down) in [
        (ImageGate::Open, false),
        (ImageGate::Open, true),
        (ImageGate::Strict, false),
    ] {
        let mut world = World::new().await;
        let told = Arc::new(Told {
            is_down,
            ..Told::default()
        });
        world.context.cache = told.clone();
        world.context.pictures.cache = told.clone();
        world.context.gate = gate;
        let author = world.account("ada").await;
        let (post, of_post) = world.post(author, "a post").await;
        let running = world.work();
        world.until_job(of_post, JobState::Done).await;
        running.stop().await;
        let changes = || std::mem::take(&mut *told.changes.lock().unwrap());
        assert_eq!(changes(), [Change::Post(post)]);

        // A picture is shown wherever its owner is: with its size once it is made, and behind a gate once it has passed.
        let (_, of_picture) = world.upload(author, "a picture").await;
        let running = world.work();
        world.until_job(of_picture, JobState::Done).await;
        running.stop().await;
        let times = if gate == ImageGate::Open { 1 } else { 2 };
        assert_eq!(changes(), vec![Change::Account(author); times]);

        // Refused, it is shown nowhere any more.
        let (_, of_broken) = world.upload(author, "broken").await;
        let running = world.work();
        world.until_job(of_broken, JobState::Done).await;
        running.stop().await;
        assert_eq!(changes(), [Change::Account(author)]);
    }
}
