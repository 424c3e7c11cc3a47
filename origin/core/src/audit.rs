//! The audit: do database and store agree?
//!
//! Rows and objects are walked side by side in the order of their ids, so that memory does not grow with them. What
//! looks wrong is looked at once more before it counts: the system may run meanwhile.

mod walk;

use std::sync::Arc;

use sluicegate_contract::ids::UploadId;
use sluicegate_contract::uploads::{Moderation, UploadState};

use crate::error::PortError;
use crate::ports::{AuditStore, AuditedUpload, ObjectStore};
use crate::upload::{media_object, staged_object};
use walk::{Objects, Rows};

/// So many ids are named in a report; all are counted.
const NAMED: usize = 20;

/// Something that was found, and where first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// How often.
    pub count: u64,
    /// The first of them.
    pub first: Vec<UploadId>,
}

impl Found {
    fn note(&mut self, id: UploadId) {
        self.count += 1;
        if self.first.len() < NAMED {
            self.first.push(id);
        }
    }
}

/// What an audit found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditReport {
    /// Rows that were looked at.
    pub uploads: u64,
    /// Objects that were looked at.
    pub objects: u64,
    /// Uploads whose picture or staged file must be there and is not. Data was lost.
    pub missing: Found,
    /// Objects that no row needs. The sweep deletes them in its time.
    pub leftovers: Found,
    /// Objects whose names are not ours.
    pub strangers: u64,
    /// Uploads and posts with more than one record of a verdict.
    pub judged_twice: u64,
    /// Uploads and posts with a verdict that no record explains.
    pub judged_without_record: u64,
}

impl AuditReport {
    /// Nothing is lost, and every verdict is there once. Leftovers are no fault.
    pub fn is_sound(&self) -> bool {
        self.missing.count == 0 && self.judged_twice == 0 && self.judged_without_record == 0
    }
}

/// Compares rows and objects.
#[derive(Clone)]
pub struct Audit {
    /// The rows.
    pub store: Arc<dyn AuditStore>,
    /// The objects.
    pub objects: Arc<dyn ObjectStore>,
}

/// What is there of one upload.
#[derive(Debug, Clone, Copy)]
struct Seen {
    row: Option<AuditedUpload>,
    media: bool,
    staged: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Judgement {
    Sound,
    Missing,
    Leftover,
}

impl Audit {
    /// Walks through everything once.
    pub async fn run(&self) -> Result<AuditReport, PortError> {
        let mut report = AuditReport::default();
        let mut rows = Rows::new(&*self.store);
        let mut media = Objects::media(&*self.objects);
        let mut staged = Objects::staged(&*self.objects);
        loop {
            let heads = [
                rows.head().await?.map(|row| row.id),
                media.head().await?,
                staged.head().await?,
            ];
            let Some(id) = heads.into_iter().flatten().min() else {
                break;
            };
            let seen = Seen {
                row: rows.take(id),
                media: media.take(id),
                staged: staged.take(id),
            };
            report.uploads += u64::from(seen.row.is_some());
            report.objects += u64::from(seen.media) + u64::from(seen.staged);
            if judge(seen) != Judgement::Sound {
                match judge(self.look_again(id).await?) {
                    Judgement::Sound => {}
                    Judgement::Missing => report.missing.note(id),
                    Judgement::Leftover => report.leftovers.note(id),
                }
            }
        }
        report.strangers = media.strangers() + staged.strangers();
        report.judged_twice = self.store.judged_twice().await?;
        report.judged_without_record = self.store.judged_without_record().await?;
        Ok(report)
    }

    /// Objects first: a row that was read after them cannot speak of one that came later.
    async fn look_again(&self, id: UploadId) -> Result<Seen, PortError> {
        let media = self.objects.head(&media_object(id)).await?.is_some();
        let staged = self.objects.head(&staged_object(id)).await?.is_some();
        let row = self.store.upload(id).await?;
        Ok(Seen { row, media, staged })
    }
}

fn judge(seen: Seen) -> Judgement {
    let Some(row) = seen.row else {
        // Both were gone when it was looked at again.
        return leftover(seen.media || seen.staged);
    };
    match row.state {
        UploadState::Received | UploadState::Processing | UploadState::Failed => {
            if seen.staged {
                Judgement::Sound
            } else {
                Judgement::Missing
            }
        }
        UploadState::Ticketed => leftover(seen.media),
        UploadState::Rejected | UploadState::Expired => leftover(seen.media || seen.staged),
        UploadState::Ready if row.moderation == Moderation::Removed => {
            leftover(seen.media || seen.staged)
        }
        UploadState::Ready if !seen.media => Judgement::Missing,
        UploadState::Ready => leftover(seen.staged),
    }
}

fn leftover(is_left: bool) -> Judgement {
    if is_left {
        Judgement::Leftover
    } else {
        Judgement::Sound
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(row: Option<(UploadState, Moderation)>, media: bool, staged: bool) -> Judgement {
        let id = UploadId(uuid::Uuid::nil());
        let row = row.map(|(state, moderation)| AuditedUpload {
            id,
            state,
            moderation,
        });
        judge(Seen { row, media, staged })
    }

    #[test]
    fn what_a_row_promises_must_be_there() {
        use Judgement::{Missing, Sound};
        let open = Moderation::Unreviewed;
        for state in [
            UploadState::Received,
            UploadState::Processing,
            UploadState::Failed,
        ] {
            assert_eq!(seen(Some((state, open)), false, true), Sound);
            // The picture is stored before its row says so.
            assert_eq!(seen(Some((state, open)), true, true), Sound);
            assert_eq!(seen(Some((state, open)), false, false), Missing);
        }
        let ready = |moderation| Some((UploadState::Ready, moderation));
        assert_eq!(seen(ready(open), true, false), Sound);
        assert_eq!(seen(ready(Moderation::Passed), false, false), Missing);
        assert_eq!(seen(ready(Moderation::Removed), false, false), Sound);
        assert_eq!(
            seen(Some((UploadState::Ticketed, open)), false, true),
            Sound
        );
    }

    #[test]
    fn what_no_row_needs_is_left_over() {
        use Judgement::{Leftover, Sound};
        let open = Moderation::Unreviewed;
        assert_eq!(seen(None, true, false), Leftover);
        assert_eq!(seen(None, false, true), Leftover);
        assert_eq!(seen(None, false, false), Sound);
        let ready = |moderation| Some((UploadState::Ready, moderation));
        assert_eq!(seen(ready(open), true, true), Leftover);
        assert_eq!(seen(ready(Moderation::Removed), true, false), Leftover);
        for state in [UploadState::Rejected, UploadState::Expired] {
            assert_eq!(seen(Some((state, open)), false, true), Leftover);
            assert_eq!(seen(Some((state, open)), false, false), Sound);
        }
    }
}
