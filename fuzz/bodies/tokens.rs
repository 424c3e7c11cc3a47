//! What an `Authorization` header says, what the token in it is worth, and what a key set names.

#![expect(clippy::expect_used, reason = "the constants fit")]

use sluicegate_contract::limits;
use sluicegate_policy::authenticator::{Authenticator, Check};
use sluicegate_policy::jwks::KeySet;
use sluicegate_policy::token::{Credentials, Expectations, credentials};

const NOW: u64 = 1_795_540_000;
const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
/// The public half of a key that signed some tokens of the corpus.
const KEYS: &[u8] = br#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k1","use":"sig","x":"ltfcNU_3TI8GWo9Ss6K8NBLh90KUWhK7fFnUIQaiSzI"}]}"#;

/// The bytes as the header's value, and as a key set.
pub fn run(data: &[u8]) {
    if let Ok(keys) = KeySet::parse(data) {
        let mut fetched = authenticator(b"");
        fetched.keys_fetched(data, NOW).expect("as before");
        let _ = keys.get("k1");
    }
    let twice = [data, data];
    assert_ne!(credentials(twice.into_iter()), Credentials::Absent);
    let Credentials::Bearer(token) = credentials(std::iter::once(data)) else {
        return;
    };
    let mut by_key = authenticator(b"");
    by_key.keys_fetched(KEYS, NOW).expect("a key set");
    for mut authenticator in [authenticator(SECRET), by_key] {
        let check = authenticator.check(token, NOW);
        if check == Check::FetchKeys {
            // A key that is not known yet: after one more look, there is an answer.
            authenticator.keys_failed(NOW);
            assert_ne!(authenticator.check(token, NOW), Check::FetchKeys);
            continue;
        }
        // Remembered or verified anew, it is worth the same.
        assert_eq!(authenticator.check(token, NOW), check);
        if let Check::Caller(caller) = check {
            assert!(token.len() <= limits::TOKEN_BYTES);
            let skew = limits::CLOCK_SKEW.as_secs();
            assert!(caller.expires_at + skew >= NOW, "it has expired");
            let later = caller.expires_at + skew + 1;
            let check = authenticator.check(token, later);
            assert!(!matches!(check, Check::Caller(_)), "{check:?}");
        }
    }
}

fn authenticator(secret: &[u8]) -> Authenticator {
    let expected = Expectations {
        issuer: "sluicegate".to_owned(),
        audience: "sluicegate".to_owned(),
    };
    Authenticator::new(secret, None, expected).expect("a long secret, or none")
}
