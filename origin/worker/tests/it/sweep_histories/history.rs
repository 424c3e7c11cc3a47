use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use sluicegate_contract::ids::{AccountId, PostId, UploadId};
use sluicegate_contract::limits::DELETION_GRACE;
use sluicegate_contract::time::Timestamp;
use sluicegate_contract::uploads::Purpose;
use sluicegate_core::account::PictureSlot;
use sluicegate_core::moderation::{Outcome, Record, Subject};
use sluicegate_core::ports::{ImageVerdict, ObjectStore, PutOptions};
use sluicegate_core::post::{NewPost, fingerprint};
use sluicegate_core::quota::Quota;
use sluicegate_core::sweep::SweepRules;
use sluicegate_core::upload::{Completion, MakingClaim, NewUpload, media_object, staged_object};

use super::events::Event;
use crate::support::{Memory, World};

/// How long a presigned PUT, and a transfer that began with it, can write.
const PUT_LIFE: Duration = Duration::from_mins(25);
const MAKING: Duration = Duration::from_secs(10);
const DAY: Duration = Duration::from_hours(24);

/// What has happened so far.
pub(super) struct History {
    pub(super) world: World,
    pub(super) owners: Vec<AccountId>,
    pub(super) uploads: Vec<(UploadId, AccountId, Purpose, Timestamp)>,
    /// Pictures that somebody began to make and was killed over.
    makers: Vec<UploadId>,
    posts: Vec<(PostId, AccountId)>,
    /// What posts show that moderation removed: they can be given back.
    pub(super) held_back: BTreeSet<UploadId>,
    /// When each upload that arrived was last known to be needed: at its arrival, or while something showed it.
    pub(super) needed: HashMap<UploadId, Timestamp>,
    /// How often the sweep has been at each upload that is over, and when it was there last.
    pub(super) swept: HashMap<UploadId, (u8, Timestamp)>,
    /// Objects that no row knew when they were stored, and when that was.
    pub(super) unknown: HashMap<String, Timestamp>,
}

impl History {
    pub(super) async fn new() -> Self {
        let mut world = World::new().await;
        world.context.sweep.rules = SweepRules {
            batch: 4,
            batches: 4,
            ..SweepRules::default()
        };
        let owners = vec![world.account("ada").await, world.account("bob").await];
        let history = Self {
            world,
            owners,
            uploads: Vec::new(),
            makers: Vec::new(),
            posts: Vec::new(),
            held_back: BTreeSet::new(),
            needed: HashMap::new(),
            swept: HashMap::new(),
            unknown: HashMap::new(),
        };
        // The first one, into an empty bucket, says whose it is.
        history.world.context.sweep.run().await.unwrap();
        history
    }

    fn pick(&self, n: u8) -> Option<(UploadId, AccountId, Purpose, Timestamp)> {
        let count = self.uploads.len();
        (count > 0).then(|| self.uploads[usize::from(n) % count])
    }

    pub(super) async fn happen(&mut self, event: Event) {
        match event {
            Event::Ticket(n) => self.ticket(n).await,
            Event::Clear(n) => self.clear(n).await,
            Event::DeletePost(n) => self.delete_post(n).await,
            Event::RemovePost(n) => self.remove_post(n).await,
            Event::Stray => {
                let stray = staged_object(UploadId(self.world.env.new_id()));
                self.world.objects.store(&stray, "stray");
                self.unknown.insert(stray, self.world.env.now());
            }
            Event::StoreLate(n) => self.store_late(n).await,
            Event::Erase(n) => self.erase(n).await,
            Event::Days(n) => self.pass(DAY * u32::from(n)),
            Event::Prune => drop(self.world.context.sweep.prune().await.unwrap()),
            Event::Minutes(n) => self.pass(Duration::from_mins(n.into())),
            Event::Hours(n) => self.pass(Duration::from_hours(n.into())),
            Event::Sweep => self.sweep().await,
            Event::SweepInVain => {
                self.world.objects.set_keeps(true);
                let _ = self.world.context.sweep.run().await;
                self.world.objects.set_keeps(false);
            }
            Event::Arrive(n) => self.arrive(n).await,
            Event::Appear(n) => {
                self.arrive(n).await;
                self.happen_to_last(Event::Make(n)).await;
                self.happen_to_last(Event::Show(n)).await;
                self.happen_to_last(Event::Post(n)).await;
            }
            Event::Haunt(n) => {
                self.arrive(n).await;
                self.happen_to_last(Event::BeginMaking(n)).await;
                let makers = self.makers.len();
                self.erase(n).await;
                self.store_late(u8::try_from(makers - 1).unwrap()).await;
            }
            Event::Put(n)
            | Event::Complete(n)
            | Event::Make(n)
            | Event::MakeAndLeave(n)
            | Event::BeginMaking(n)
            | Event::Fail(n)
            | Event::Reject(n)
            | Event::Remove(n)
            | Event::Abandon(n)
            | Event::Show(n)
            | Event::Post(n) => {
                if let Some((id, owner, purpose, since)) = self.pick(n) {
                    self.happen_to(event, id, owner, purpose, since).await;
                }
            }
        }
    }

    async fn arrive(&mut self, n: u8) {
        self.ticket(n).await;
        self.happen_to_last(Event::Put(n)).await;
        self.happen_to_last(Event::Complete(n)).await;
    }

    async fn happen_to_last(&mut self, event: Event) {
        let last = self.uploads.last().copied();
        let (id, owner, purpose, since) = last.unwrap();
        self.happen_to(event, id, owner, purpose, since).await;
    }

    async fn happen_to(
        &mut self,
        event: Event,
        id: UploadId,
        owner: AccountId,
        purpose: Purpose,
        since: Timestamp,
    ) {
        let (world, now) = (&self.world, self.world.env.now());
        let uploads = &world.context.uploads;
        if uploads.upload(id).await.unwrap().is_none() {
            return;
        }
        match event {
            Event::Put(_) if now.since(since) <= PUT_LIFE => {
                let staged = staged_object(id);
                if !world.objects.has(&staged) {
                    world.objects.store(&staged, "cat");
                }
            }
            Event::Complete(_) if world.objects.has(&staged_object(id)) => {
                let etag = Memory::etag(&staged_object(id));
                let job = world.image_job(id, owner);
                let completed = uploads.complete(id, &etag, &job, now).await.unwrap();
                if matches!(completed, Completion::Completed(_)) {
                    self.needed.insert(id, now);
                }
            }
            Event::Make(_) | Event::MakeAndLeave(_) => {
                let leaves = matches!(event, Event::MakeAndLeave(_));
                world.objects.set_keeps(leaves);
                let _ = world.context.pictures.ensure(id, None).await;
                world.objects.set_keeps(false);
            }
            Event::BeginMaking(_) => {
                let maker = world.maker(id);
                let claim = uploads.claim_making(&maker, now, MAKING, None).await;
                if matches!(claim.unwrap(), MakingClaim::Claimed(_)) {
                    self.makers.push(id);
                }
            }
            Event::Fail(_) => uploads.fail(id, "storage", None, now).await.unwrap(),
            Event::Reject(_) => uploads.reject(id, "broken", now).await.unwrap(),
            Event::Remove(_) => {
                let record = self.record(Subject::Upload(id), owner);
                let verdict = ImageVerdict::Removed(record);
                let removed = uploads.apply_verdict(id, &verdict, None, now).await;
                removed.unwrap();
            }
            Event::Abandon(_) => drop(uploads.abandon(id).await.unwrap()),
            Event::Show(_) => {
                let slot = match purpose {
                    Purpose::Avatar => PictureSlot::Avatar,
                    Purpose::ProfileHeader => PictureSlot::ProfileHeader,
                    Purpose::PostHeader => return,
                };
                // Refused where it cannot be shown.
                let _ = world.accounts.set_picture(owner, slot, id).await;
            }
            Event::Post(_) if purpose == Purpose::PostHeader => self.post(id, owner).await,
            _ => {}
        }
    }

    async fn ticket(&mut self, n: u8) {
        let now = self.world.env.now();
        let purposes = [Purpose::Avatar, Purpose::ProfileHeader, Purpose::PostHeader];
        let upload = NewUpload {
            id: UploadId(self.world.env.new_id()),
            owner: self.owners[usize::from(n) % 2],
            purpose: purposes[usize::from(n / 2) % 3],
            length: 3,
            sha256: None,
            head_sha256: None,
            key: None,
            created_at: now,
            expires_at: now.plus(PUT_LIFE),
            put_until: None,
        };
        let uploads = &self.world.context.uploads;
        let quota = Quota {
            open_tickets: u32::MAX,
            ..Quota::default()
        };
        uploads.create_ticket(&upload, &quota).await.unwrap();
        self.uploads
            .push((upload.id, upload.owner, upload.purpose, now));
    }

    async fn store_late(&mut self, n: u8) {
        if self.makers.is_empty() {
            return;
        }
        let id = self.makers[usize::from(n) % self.makers.len()];
        let (world, now) = (&self.world, self.world.env.now());
        let options = PutOptions::default();
        let picture = "a picture of cat".into();
        let key = media_object(id);
        world.objects.put(&key, picture, &options).await.unwrap();
        if world.context.uploads.upload(id).await.unwrap().is_none() {
            self.unknown.insert(key, now);
        }
    }

    /// Somebody else comes instead.
    async fn erase(&mut self, n: u8) {
        let place = usize::from(n) % 2;
        let owner = self.owners[place];
        self.world.leave(owner).await;
        self.pass(DELETION_GRACE);
        assert_eq!(self.world.erase().await.unwrap(), 1);
        self.posts.retain(|(_, author)| *author != owner);
        let handle = format!("after_{owner}");
        self.owners[place] = self.world.account(&handle).await;
    }

    pub(super) fn pass(&self, time: Duration) {
        self.world.clock.put_forward(time);
    }

    async fn post(&mut self, header: UploadId, author: AccountId) {
        let id = PostId(self.world.env.new_id());
        let post = NewPost {
            id,
            author,
            body: format!("Post {id}"),
            fingerprint: fingerprint(&id.to_string()),
            header: Some(header),
            created_at: self.world.env.now(),
        };
        let job = self.world.post_job(id, author);
        if self.world.context.posts.create(&post, &job).await.is_ok() {
            self.posts.push((id, author));
        }
    }

    async fn clear(&self, n: u8) {
        let slot = [PictureSlot::Avatar, PictureSlot::ProfileHeader][usize::from(n / 2) % 2];
        let owner = self.owners[usize::from(n) % 2];
        let cleared = self.world.accounts.clear_picture(owner, slot).await;
        cleared.unwrap();
    }

    async fn delete_post(&mut self, n: u8) {
        if self.posts.is_empty() {
            return;
        }
        let (id, author) = self.posts[usize::from(n) % self.posts.len()];
        let now = self.world.env.now();
        let deleted = self.world.context.posts.delete(id, author, now).await;
        deleted.unwrap();
    }

    async fn remove_post(&mut self, n: u8) {
        if self.posts.is_empty() {
            return;
        }
        let (id, author) = self.posts[usize::from(n) % self.posts.len()];
        let record = self.record(Subject::Post(id), author);
        let now = self.world.env.now();
        let post = self.world.context.posts.post(id).await.unwrap();
        let header = post.and_then(|post| post.header);
        self.held_back.extend(header.map(|picture| picture.upload));
        let posts = &self.world.context.posts;
        posts.apply_verdict(id, &record, None, now).await.unwrap();
    }

    fn record(&self, subject: Subject, owner: AccountId) -> Record {
        Record {
            id: self.world.env.new_id(),
            subject,
            owner,
            source: "test".to_owned(),
            stage: "test".to_owned(),
            outcome: Outcome::Removed,
            reason: "test".to_owned(),
            confidence: 1.0,
            scores: serde_json::Value::Null,
            created_at: self.world.env.now(),
        }
    }
}
