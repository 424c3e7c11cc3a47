//! The origin's leave to show pictures, as far as an instance remembers it.
//!
//! A grant is kept for 30 seconds, a refusal for two, and while one request asks the origin about a picture
//! the others beside it wait for its answer. What one instance knows another does not: a host that runs
//! several asks once for each.

use std::collections::HashMap;

use sluicegate_contract::ids::UploadId;
use sluicegate_contract::limits;
use sluicegate_contract::media::MediaGrant;

use crate::UnixSeconds;
use crate::bounded::Bounded;

/// Grants, and refusals, that an instance keeps.
pub const KEPT: usize = 1_024;
/// How long a refusal is kept, in seconds: a picture that is about to arrive or to pass is not kept away
/// for longer.
pub const REFUSED_FOR: u64 = 2;
/// A request that has not ended after this many seconds never will: its instance lost it.
const FLIGHT_TIME: u64 = 30;

/// What is known of a picture.
#[derive(Debug, PartialEq, Eq)]
pub enum Known {
    /// It may be shown.
    Given(Box<MediaGrant>),
    /// A moment ago it might not be shown to everybody.
    Refused,
    /// Somebody is asking the origin.
    Asked,
    /// Nothing. The caller is to ask, and to say [`Grants::landed`] whatever comes of it.
    Nothing,
}

/// What an instance remembers.
pub struct Grants {
    given: Bounded<UploadId, MediaGrant>,
    refused: Bounded<UploadId, ()>,
    /// One entry for each request of the instance that asks.
    asked: HashMap<UploadId, UnixSeconds>,
}

impl Default for Grants {
    fn default() -> Self {
        Self {
            given: Bounded::new(KEPT),
            refused: Bounded::new(KEPT),
            asked: HashMap::new(),
        }
    }
}

impl Grants {
    /// What is known for somebody who shows no preview token.
    pub fn look(&mut self, id: UploadId, now: UnixSeconds) -> Known {
        if let Some(grant) = self.given(id, now) {
            return Known::Given(Box::new(grant));
        }
        if self.refused.get(&id, now).is_some() {
            return Known::Refused;
        }
        let asked = self.asked.get(&id);
        if asked.is_some_and(|at| now.saturating_sub(*at) < FLIGHT_TIME) {
            return Known::Asked;
        }
        if self.asked.len() < KEPT {
            self.asked.insert(id, now);
        }
        Known::Nothing
    }

    /// What is known for everybody; a preview token does not matter where there is that.
    pub fn given(&mut self, id: UploadId, now: UnixSeconds) -> Option<MediaGrant> {
        self.given.get(&id, now).cloned()
    }

    /// The request that was to ask has ended.
    pub fn landed(&mut self, id: UploadId) {
        self.asked.remove(&id);
    }

    /// The origin said yes. A grant that is not for everybody is not kept.
    pub fn keep(&mut self, id: UploadId, grant: &MediaGrant, now: UnixSeconds) {
        if is_for_everybody(grant) {
            let until = now.saturating_add(limits::GRANT_CACHE_TIME.as_secs());
            self.given.insert(id, grant.clone(), until, now);
        }
    }

    /// The origin said no to somebody without a preview token.
    pub fn refuse(&mut self, id: UploadId, now: UnixSeconds) {
        self.given.forget(&id);
        let until = now.saturating_add(REFUSED_FOR);
        self.refused.insert(id, (), until, now);
    }

    /// A grant turned out to be good no more.
    pub fn forget(&mut self, id: UploadId) {
        self.given.forget(&id);
    }
}

/// A grant for one person's preview says so to caches; the same words say so to us.
fn is_for_everybody(grant: &MediaGrant) -> bool {
    grant.cache_control.split(',').all(|directive| {
        let name = directive.split('=').next().unwrap_or_default().trim();
        !name.eq_ignore_ascii_case("private") && !name.eq_ignore_ascii_case("no-store")
    })
}

#[cfg(test)]
mod tests {
    use sluicegate_contract::uploads::Moderation;

    use super::*;

    const NOW: u64 = 1_795_540_000;
    const LIFE: u64 = limits::GRANT_CACHE_TIME.as_secs();

    fn id(number: u128) -> UploadId {
        UploadId(uuid::Uuid::from_u128(number))
    }

    fn grant(cache_control: &str) -> MediaGrant {
        MediaGrant {
            url: "http://store/media/x".into(),
            etag: "\"abc\"".into(),
            length: 100,
            media_type: "image/webp".into(),
            cache_control: cache_control.into(),
            state: Moderation::Passed,
        }
    }

    fn public() -> MediaGrant {
        grant("public, max-age=60")
    }

    fn is_given(known: &Known) -> bool {
        matches!(known, Known::Given(_))
    }

    #[test]
    fn one_asks_and_the_others_wait_for_it() {
        let mut grants = Grants::default();
        assert_eq!(grants.look(id(1), NOW), Known::Nothing);
        assert_eq!(grants.look(id(1), NOW), Known::Asked);
        assert_eq!(grants.look(id(2), NOW), Known::Nothing, "another picture");
        grants.keep(id(1), &public(), NOW + 1);
        grants.landed(id(1));
        assert!(is_given(&grants.look(id(1), NOW + 1)));
    }

    #[test]
    fn grants_end_after_thirty_seconds() {
        let mut grants = Grants::default();
        grants.keep(id(1), &public(), NOW);
        assert!(is_given(&grants.look(id(1), NOW + LIFE - 1)));
        assert_eq!(grants.look(id(1), NOW + LIFE), Known::Nothing);
    }

    #[test]
    fn a_grant_that_is_good_no_more_is_asked_for_again() {
        let mut grants = Grants::default();
        grants.keep(id(1), &public(), NOW);
        grants.forget(id(1));
        assert_eq!(grants.look(id(1), NOW), Known::Nothing);
    }

    #[test]
    fn refusals_are_kept_for_a_moment() {
        let mut grants = Grants::default();
        assert_eq!(grants.look(id(1), NOW), Known::Nothing);
        grants.refuse(id(1), NOW);
        grants.landed(id(1));
        assert_eq!(grants.look(id(1), NOW + REFUSED_FOR - 1), Known::Refused);
        assert_eq!(grants.look(id(1), NOW + REFUSED_FOR), Known::Nothing);
    }

    #[test]
    fn what_comes_to_nothing_lets_the_next_one_ask() {
        let mut grants = Grants::default();
        assert_eq!(grants.look(id(1), NOW), Known::Nothing);
        grants.landed(id(1));
        assert_eq!(grants.look(id(1), NOW), Known::Nothing);
        assert_eq!(grants.look(id(1), NOW + FLIGHT_TIME - 1), Known::Asked);
        assert_eq!(grants.look(id(1), NOW + FLIGHT_TIME), Known::Nothing);
    }

    #[test]
    fn nothing_for_one_person_is_kept_for_all() {
        let mut grants = Grants::default();
        for private in ["private, no-store", "no-store", "max-age=5, Private"] {
            grants.keep(id(1), &grant(private), NOW);
            assert_eq!(grants.given(id(1), NOW), None, "{private}");
        }
        grants.keep(id(1), &public(), NOW);
        assert!(grants.given(id(1), NOW).is_some());
    }

    #[test]
    fn memory_is_bounded() {
        let mut grants = Grants::default();
        for number in 0..5_000 {
            assert_eq!(grants.look(id(number), NOW), Known::Nothing);
            grants.keep(id(number), &public(), NOW);
            grants.refuse(id(number + 10_000), NOW);
        }
        assert!(grants.asked.len() <= KEPT);
        assert!(grants.given.len() <= KEPT && grants.refused.len() <= KEPT);
    }
}
