//! What an instance knows of the origin's keys, and when it asks for them.
//!
//! Keys are asked for again long before they count as old, and nobody waits for that. Old keys stay in use
//! while the origin is away: an outage is no reason to log anybody out.

use crate::UnixSeconds;
use crate::jwks::{JwksError, KeySet};

/// Keys are asked for again when they are this old, in seconds, behind the requests that go on with them.
pub const REFRESH_AFTER: u64 = 5 * 60;
/// Keys that are this old, in seconds, are asked for again before they are used, so that a key that was
/// withdrawn ends even where requests are rare.
pub const OLD_AFTER: u64 = 10 * 60;
/// An unknown key id leads to a new request at most this often, in seconds, whatever tokens name.
pub const UNKNOWN_KEY_COOLDOWN: u64 = 10;
/// After a failed request none is made for this long, in seconds.
pub const FAILURE_COOLDOWN: u64 = 2;
/// The same where there are keys to go on with.
pub const REFRESH_COOLDOWN: u64 = 10;
/// A request that has not ended after this many seconds never will: its instance lost it.
pub const FLIGHT_TIME: u64 = 8;

/// What must happen before a token is verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Nothing.
    Nothing,
    /// The origin must be asked, by whoever is told so.
    Ask,
    /// Somebody else is asking.
    Wait,
    /// The origin cannot be asked right now.
    Down,
}

/// Keys, and what came of asking for them. Whoever is told to ask reports with [`KeyCache::fetched`] or
/// [`KeyCache::failed`]; until then nobody else is told so.
#[derive(Default)]
pub struct KeyCache {
    keys: Option<KeySet>,
    /// `None` while the keys are those of the settings.
    fetched_at: Option<UnixSeconds>,
    failed_at: Option<UnixSeconds>,
    asked_at: Option<UnixSeconds>,
}

impl KeyCache {
    /// With keys to begin with, until the origin has named its own.
    pub fn with_base(keys: Option<KeySet>) -> Self {
        Self {
            keys,
            ..Self::default()
        }
    }

    /// The keys, if there are any.
    pub fn keys(&self) -> Option<&KeySet> {
        self.keys.as_ref()
    }

    /// What a token needs before it is verified.
    pub fn before_use(&mut self, now: UnixSeconds) -> Need {
        if self.keys.is_none() {
            return self.ask(now);
        }
        let old = self
            .fetched_at
            .is_some_and(|at| now.saturating_sub(at) >= OLD_AFTER);
        // Once it has failed, requests go on with what there is, and it is tried behind them.
        if old && self.failed_at.is_none() {
            self.ask(now)
        } else {
            Need::Nothing
        }
    }

    /// What a token needs that names a key which is not here. `Nothing`: it is refused, for the origin has
    /// only just named all keys that there are.
    pub fn for_unknown(&mut self, now: UnixSeconds) -> Need {
        let named = self
            .fetched_at
            .is_some_and(|at| now.saturating_sub(at) < UNKNOWN_KEY_COOLDOWN);
        if named { Need::Nothing } else { self.ask(now) }
    }

    /// Whether the caller is to ask the origin, behind requests that do not wait for it.
    pub fn wants_refresh(&mut self, now: UnixSeconds) -> bool {
        let due = self
            .fetched_at
            .is_none_or(|at| now.saturating_sub(at) >= REFRESH_AFTER);
        let rests = self
            .failed_at
            .is_some_and(|at| now.saturating_sub(at) < REFRESH_COOLDOWN);
        if self.keys.is_none() || !due || rests || self.in_flight(now) {
            return false;
        }
        self.asked_at = Some(now);
        true
    }

    /// The origin answered; what does not parse counts as a failure.
    pub fn fetched(&mut self, document: &[u8], now: UnixSeconds) -> Result<(), JwksError> {
        match KeySet::parse(document) {
            Ok(keys) => {
                *self = Self {
                    keys: Some(keys),
                    fetched_at: Some(now),
                    failed_at: None,
                    asked_at: None,
                };
                Ok(())
            }
            Err(error) => {
                self.failed(now);
                Err(error)
            }
        }
    }

    /// The origin did not answer.
    pub fn failed(&mut self, now: UnixSeconds) {
        self.failed_at = Some(now);
        self.asked_at = None;
    }

    fn ask(&mut self, now: UnixSeconds) -> Need {
        let rests = self
            .failed_at
            .is_some_and(|at| now.saturating_sub(at) < FAILURE_COOLDOWN);
        if self.in_flight(now) {
            Need::Wait
        } else if rests {
            Need::Down
        } else {
            self.asked_at = Some(now);
            Need::Ask
        }
    }

    fn in_flight(&self, now: UnixSeconds) -> bool {
        self.asked_at
            .is_some_and(|at| now.saturating_sub(at) < FLIGHT_TIME)
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use jwt_simple::prelude::Ed25519KeyPair;
    use proptest::prelude::*;

    use super::*;

    const NOW: u64 = 1_795_540_000;

    fn document(kid: &str) -> Vec<u8> {
        let key = Ed25519KeyPair::generate().public_key();
        let x = URL_SAFE_NO_PAD.encode(key.to_bytes());
        let key = serde_json::json!({"kty": "OKP", "crv": "Ed25519", "x": x, "kid": kid});
        serde_json::json!({ "keys": [key] })
            .to_string()
            .into_bytes()
    }

    fn has(cache: &KeyCache, kid: &str) -> bool {
        cache.keys().is_some_and(|keys| keys.get(kid).is_some())
    }

    fn filled() -> KeyCache {
        let mut cache = KeyCache::default();
        assert_eq!(cache.before_use(NOW), Need::Ask);
        cache.fetched(&document("one"), NOW).expect("parses");
        cache
    }

    #[test]
    fn the_first_request_asks_and_those_beside_it_wait() {
        let mut cache = KeyCache::default();
        assert_eq!(cache.before_use(NOW), Need::Ask);
        assert_eq!(cache.before_use(NOW + 1), Need::Wait);
        cache.fetched(&document("one"), NOW + 1).expect("parses");
        assert_eq!(cache.before_use(NOW + 1), Need::Nothing);
        assert!(has(&cache, "one"));
    }

    #[test]
    fn a_request_that_was_lost_does_not_stop_the_others_for_ever() {
        let mut cache = KeyCache::default();
        assert_eq!(cache.before_use(NOW), Need::Ask);
        assert_eq!(cache.before_use(NOW + FLIGHT_TIME - 1), Need::Wait);
        assert_eq!(cache.before_use(NOW + FLIGHT_TIME), Need::Ask);
    }

    #[test]
    fn keys_are_refreshed_ahead_by_one_request_and_nobody_waits() {
        let mut cache = filled();
        assert!(!cache.wants_refresh(NOW + REFRESH_AFTER - 1));
        let due = NOW + REFRESH_AFTER;
        assert!(cache.wants_refresh(due));
        assert!(!cache.wants_refresh(due), "one is enough");
        assert_eq!(cache.before_use(due), Need::Nothing);
        cache.fetched(&document("two"), due + 1).expect("parses");
        assert!(has(&cache, "two") && !has(&cache, "one"));
        assert!(!cache.wants_refresh(due + REFRESH_AFTER));
    }

    #[test]
    fn old_keys_are_asked_for_before_they_are_used() {
        let mut cache = filled();
        assert_eq!(cache.before_use(NOW + OLD_AFTER - 1), Need::Nothing);
        assert_eq!(cache.before_use(NOW + OLD_AFTER), Need::Ask);
        assert_eq!(cache.before_use(NOW + OLD_AFTER), Need::Wait);
    }

    #[test]
    fn old_keys_stay_while_the_origin_is_down_and_nobody_waits_for_it_again() {
        let mut cache = filled();
        let old = NOW + OLD_AFTER;
        assert_eq!(cache.before_use(old), Need::Ask);
        cache.failed(old + 1);
        for hours in 0..24 {
            let later = old + 1 + hours * 3_600;
            assert_eq!(cache.before_use(later), Need::Nothing);
            assert!(has(&cache, "one"));
        }
        let later = old + 24 * 3_600;
        assert!(cache.wants_refresh(later), "it is tried behind them");
        cache.failed(later + 1);
        assert!(!cache.wants_refresh(later + REFRESH_COOLDOWN));
        assert!(cache.wants_refresh(later + 1 + REFRESH_COOLDOWN));
        cache.fetched(&document("two"), later + 20).expect("parses");
        assert!(has(&cache, "two"));
    }

    #[test]
    fn without_keys_it_is_asked_again_soon_after_a_failure() {
        let mut cache = KeyCache::default();
        assert_eq!(cache.before_use(NOW), Need::Ask);
        cache.failed(NOW);
        assert_eq!(cache.before_use(NOW), Need::Down);
        assert_eq!(cache.before_use(NOW + FAILURE_COOLDOWN), Need::Ask);
        assert!(cache.fetched(b"nonsense", NOW + 10).is_err());
        assert_eq!(cache.before_use(NOW + 10), Need::Down);
    }

    #[test]
    fn unknown_keys_are_looked_for_after_the_cooldown() {
        let mut cache = filled();
        let soon = NOW + UNKNOWN_KEY_COOLDOWN - 1;
        assert_eq!(cache.for_unknown(soon), Need::Nothing);
        assert_eq!(cache.for_unknown(soon + 1), Need::Ask);
        assert_eq!(cache.for_unknown(soon + 1), Need::Wait);
        cache.failed(soon + 1);
        assert_eq!(cache.for_unknown(soon + 1), Need::Down, "no verdict");
        assert!(has(&cache, "one"));
    }

    #[test]
    fn base_keys_serve_at_once_until_the_origin_names_its_own() {
        let base = KeySet::parse(&document("base")).expect("parses");
        let mut cache = KeyCache::with_base(Some(base));
        assert_eq!(cache.before_use(NOW), Need::Nothing);
        assert!(cache.wants_refresh(NOW));
        cache.failed(NOW + 5);
        assert_eq!(cache.before_use(NOW + 3_600), Need::Nothing);
        assert!(has(&cache, "base"));
        assert_eq!(cache.for_unknown(NOW + 3_600), Need::Ask);
        cache
            .fetched(&document("one"), NOW + 3_601)
            .expect("parses");
        assert!(has(&cache, "one") && !has(&cache, "base"));
    }

    proptest! {
        /// Whatever happens: one request at a time, and keys that were there never vanish.
        #[test]
        fn one_asks_at_a_time(steps in prop::collection::vec((0u64..20, 0u8..5), 1..200)) {
            let mut cache = KeyCache::default();
            let (mut now, mut asking, mut had) = (NOW, None::<u64>, false);
            let good = document("one");
            for (pause, step) in steps {
                now += pause;
                asking = asking.filter(|at| now - at < FLIGHT_TIME);
                let asks = match step {
                    0 => cache.before_use(now) == Need::Ask,
                    1 => cache.for_unknown(now) == Need::Ask,
                    2 => cache.wants_refresh(now),
                    3 => { cache.failed(now); asking = None; false }
                    _ => { had = cache.fetched(&good, now).is_ok(); asking = None; false }
                };
                prop_assert!(!asks || asking.is_none());
                if asks { asking = Some(now); }
                prop_assert_eq!(cache.keys().is_some(), had);
            }
        }
    }
}
