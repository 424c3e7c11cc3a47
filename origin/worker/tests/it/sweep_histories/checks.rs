use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use sluicegate_contract::ids::UploadId;
use sluicegate_contract::uploads::UploadState;
use sluicegate_core::sweep::{BUCKET_MARKER, SweepRules};
use sluicegate_core::upload::{MEDIA, STAGING, media_object, staged_object};

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

    /// Whole runs, walk by walk, so that none is credited with another's work. While the store refuses to list, what is
    /// over goes by its row alone; what the lists show comes after that.
    pub(super) async fn sweep(&mut self) {
        self.world.objects.set_hides(true);
        let most = self.most_of_a_run();
        // One more, for those that end in the last of them.
        for _ in 0..=self.uploads.len() / most + 1 {
            let run = self.world.context.sweep.run().await;
            assert!(run.is_err(), "the lists were not asked for");
        }
        self.world.objects.set_hides(false);
        self.what_is_over_is_gone().await;

        let store = &self.world.context.sweep.store;
        let begins = store.position("staged objects").await.unwrap().is_none();
        let is_whole = begins && self.staged().len() < most;
        self.world.context.sweep.run().await.unwrap();
        if is_whole {
            self.what_is_staged_is_needed().await;
        }
    }

    fn most_of_a_run(&self) -> usize {
        let rules = &self.world.context.sweep.rules;
        usize::try_from(rules.batch * rules.batches).unwrap()
    }

    fn staged(&self) -> Vec<String> {
        let mut keys = self.world.objects.keys();
        keys.retain(|key| key.starts_with(STAGING));
        keys
    }

    /// The objects of each upload that is over go twice: as soon as it is over, and when nobody writes any more.
    async fn what_is_over_is_gone(&mut self) {
        let (rules, now) = (SweepRules::default(), self.world.env.now());
        for (id, state) in self.states().await {
            if !matches!(state, UploadState::Expired | UploadState::Rejected) {
                continue;
            }
            let times = match self.swept.get(&id) {
                None => 1,
                Some((1, last)) if now.since(*last) >= rules.again_after => 2,
                Some(_) => continue,
            };
            self.swept.insert(id, (times, now));
            for key in [media_object(id), staged_object(id)] {
                let is_there = self.world.objects.has(&key);
                assert!(!is_there, "{key} is there after sweep {times}");
            }
        }
    }

    /// No picture is made any more of what the list showed of uploads that are known.
    async fn what_is_staged_is_needed(&self) {
        for (id, state) in self.states().await {
            let needed = matches!(
                state,
                UploadState::Ticketed
                    | UploadState::Received
                    | UploadState::Processing
                    | UploadState::Failed
            );
            let key = staged_object(id);
            assert!(
                needed || !self.world.objects.has(&key),
                "{key} of {state:?}"
            );
        }
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
