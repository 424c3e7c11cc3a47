use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use sluicegate_contract::ids::UploadId;
use sluicegate_contract::uploads::UploadState;
use sluicegate_core::sweep::{BUCKET_MARKER, SweepRules};
use sluicegate_core::upload::{MEDIA, media_object, staged_object};

use super::history::History;

impl History {
    /// What is shown now, as readers see it.
    async fn shown(&self) -> BTreeSet<UploadId> {
        let mut shown = BTreeSet::new();
        for owner in &self.owners {
            let account = self.world.accounts.account(*owner).await.unwrap().unwrap();
            shown.extend(account.avatar.map(|picture| picture.upload));
            shown.extend(account.profile_header.map(|picture| picture.upload));
        }
        let posts = self
            .world
            .context
            .posts
            .list(None, None, 100)
            .await
            .unwrap();
        let headers = posts.into_iter().filter_map(|post| post.header);
        shown.extend(headers.map(|picture| picture.upload));
        shown
    }

    async fn states(&self) -> HashMap<UploadId, UploadState> {
        let ids: Vec<_> = self.uploads.iter().map(|(id, ..)| *id).collect();
        self.world.context.sweep.store.states(&ids).await.unwrap()
    }

    /// After one whole run nothing is left of uploads that are over, but what came late; and of those that were due
    /// nothing at all.
    pub(super) async fn sweep(&self) {
        let sweep = &self.world.context.sweep;
        let due = self.due().await;
        let most = u64::from(sweep.rules.batch * sweep.rules.batches);
        while sweep.run().await.unwrap().uploads_swept == most {}
        for key in due
            .into_iter()
            .flat_map(|id| [media_object(id), staged_object(id)])
        {
            assert!(!self.world.objects.has(&key), "{key} was due, and survived");
        }
        let due = self.due().await;
        assert!(due.is_empty(), "{due:?} are over, and were not swept");
        for (id, state) in self.states().await {
            let is_over = matches!(state, UploadState::Expired | UploadState::Rejected);
            let picture = media_object(id);
            if is_over && !self.late.contains(&id) {
                assert!(!self.world.objects.has(&picture), "{picture} survived");
            }
        }
    }

    /// What is over and to be swept now.
    async fn due(&self) -> Vec<UploadId> {
        let sweep = &self.world.context.sweep;
        let again_until = self.world.env.now().minus(sweep.rules.again_after);
        sweep.store.over(again_until, u32::MAX).await.unwrap()
    }

    /// Everything that a row speaks of is there, and nothing ends that is shown, or was needed a day ago.
    pub(super) async fn nothing_is_missing(&mut self) {
        let (rules, now) = (SweepRules::default(), self.world.env.now());
        let shown = self.shown().await;
        self.needed.extend(shown.iter().map(|id| (*id, now)));
        for (id, state) in self.states().await {
            if state == UploadState::Expired
                && let Some(since) = self.needed.get(&id)
            {
                assert!(now.since(*since) >= rules.loose_for, "{id} ended too early");
            }
            let needed = match state {
                UploadState::Ready => media_object(id),
                UploadState::Received | UploadState::Processing | UploadState::Failed => {
                    staged_object(id)
                }
                _ => {
                    assert!(!shown.contains(&id), "{id} is shown and {state:?}");
                    continue;
                }
            };
            assert!(self.world.objects.has(&needed), "{needed} was deleted");
        }
        for (key, since) in &self.unknown {
            let kept = if key.starts_with(MEDIA) {
                rules.orphan_after
            } else {
                rules.unknown_after
            };
            let is_young = now.since(*since) < kept;
            assert!(
                !is_young || self.world.objects.has(key),
                "{key} was deleted too early"
            );
        }
    }

    /// When all times have passed, only what a profile or a post shows is left: the picture, or what it can still be
    /// made of.
    pub(super) async fn nothing_is_left_over(&mut self) {
        let month = Duration::from_hours(31 * 24);
        for pause in [Duration::from_hours(2), month, Duration::from_hours(2)] {
            self.pass(pause);
            for _ in 0..3 {
                self.sweep().await;
            }
        }
        self.nothing_is_missing().await;
        let shown = self.shown().await;
        let mut allowed = BTreeSet::new();
        for (id, state) in self.states().await {
            match state {
                UploadState::Ready => drop(allowed.insert(media_object(id))),
                UploadState::Received | UploadState::Processing | UploadState::Failed => {
                    allowed.extend([staged_object(id), media_object(id)]);
                }
                _ => continue,
            }
            assert!(
                shown.contains(&id) || self.held_back.contains(&id),
                "{id} is {state:?}, and nothing shows it"
            );
        }
        for key in self.world.objects.keys() {
            if key == BUCKET_MARKER {
                continue;
            }
            assert!(allowed.contains(&key), "{key} survived");
        }
    }
}
