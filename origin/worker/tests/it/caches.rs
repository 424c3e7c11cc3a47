//! What strangers read is forgotten with a verdict.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use sluicegate_core::error::PortError;
use sluicegate_core::job::JobState;
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

    async fn put(&self, _: &Item, _: &Versions, _: &[u8]) -> Result<(), PortError> {
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
async fn a_verdict_is_told_to_the_cache_and_stands_without_it() {
    for is_down in [false, true] {
        let mut world = World::new().await;
        let told = Arc::new(Told {
            is_down,
            ..Told::default()
        });
        world.context.cache = told.clone();
        let author = world.account("ada").await;
        let (post, of_post) = world.post(author, "a post").await;
        let running = world.work();
        world.until_job(of_post, JobState::Done).await;
        running.stop().await;
        let (_, of_picture) = world.upload(author, "a picture").await;
        let running = world.work();
        world.until_job(of_picture, JobState::Done).await;
        running.stop().await;
        // A picture is shown with its post, and wherever its owner is.
        let told = told.changes.lock().unwrap().clone();
        assert_eq!(told, [Change::Post(post), Change::Everything]);
    }
}
