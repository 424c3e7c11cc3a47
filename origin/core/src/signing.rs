//! When a signing key signs, and when it is needed no more.
//!
//! A new key is published at once and signs later, when every edge has it. A key that is replaced verifies until
//! the last token that it signed has expired. So a rotation is noticed by nobody.

use std::time::Duration;

use sluicegate_contract::limits;
use sluicegate_contract::time::Timestamp;

use crate::session::SigningKey;

/// How long a new key is published before it signs: edges ask for keys every 5 minutes, a cache between may keep
/// the answer for 5 more, and clocks differ.
pub const PUBLISHED_AHEAD: Duration = Duration::from_mins(15);
/// How long after a key's successor began to sign its tokens may still be good: they live as long as tokens do,
/// and replicas may be late by as much as they keep keys in memory.
pub const KEPT_AFTER: Duration = limits::ACCESS_TOKEN_LIFETIME
    .saturating_add(limits::CLOCK_SKEW)
    .saturating_add(PUBLISHED_AHEAD);

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Published, and signs from then on.
    Waiting(Timestamp),
    /// Signs.
    Signing,
    /// Verifies what it signed, until then.
    Verifying(Timestamp),
    /// Nothing that it signed is good any more.
    Over,
}

/// The phase of each of `keys`, in their order, which may be any.
pub fn phases(keys: &[SigningKey], now: Timestamp) -> Vec<Phase> {
    let signing = signing(keys, now).map(|key| key.id.as_str());
    let phase = |key: &SigningKey| {
        if Some(key.id.as_str()) == signing {
            return Phase::Signing;
        }
        if key.signs_from > now {
            return Phase::Waiting(key.signs_from);
        }
        let successor = keys
            .iter()
            .filter(|other| order(other) > order(key))
            .min_by(|a, b| order(a).cmp(&order(b)));
        let until = successor.map_or(now, |next| next.signs_from.plus(KEPT_AFTER));
        if until > now {
            Phase::Verifying(until)
        } else {
            Phase::Over
        }
    };
    keys.iter().map(phase).collect()
}

/// The key that signs at `now`: of those whose time has come the newest, or the first that will be if none has.
pub fn signing(keys: &[SigningKey], now: Timestamp) -> Option<&SigningKey> {
    keys.iter()
        .filter(|key| key.signs_from <= now)
        .max_by(|a, b| order(a).cmp(&order(b)))
        .or_else(|| keys.iter().min_by(|a, b| order(a).cmp(&order(b))))
}

fn order(key: &SigningKey) -> (Timestamp, &str) {
    (key.signs_from, &key.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_unix_ms(minutes * 60_000).expect("in range")
    }

    fn key(id: &str, minutes: i64) -> SigningKey {
        SigningKey {
            id: id.to_owned(),
            secret: Vec::new(),
            created_at: at(0),
            signs_from: at(minutes),
        }
    }

    #[test]
    fn a_key_waits_signs_verifies_and_is_over() {
        let keys = [key("new", 100), key("old", 0)];
        let kept = i64::try_from(KEPT_AFTER.as_secs() / 60).expect("fits");
        let phases = |minutes| phases(&keys, at(minutes));
        assert_eq!(phases(99), [Phase::Waiting(at(100)), Phase::Signing]);
        let until = Phase::Verifying(at(100 + kept));
        assert_eq!(phases(100), [Phase::Signing, until]);
        assert_eq!(phases(99 + kept), [Phase::Signing, until]);
        assert_eq!(phases(100 + kept), [Phase::Signing, Phase::Over]);
    }

    #[test]
    fn a_single_key_signs_even_if_clocks_differ() {
        let keys = [key("first", 10)];
        assert_eq!(phases(&keys, at(9)), [Phase::Signing]);
        assert_eq!(signing(&[], at(0)), None);
    }
}
