//! What must never stand in a log, and looking for it.
//!
//! Some secrets are known by their shape, others because somebody was given them: settings of programs, tokens of
//! clients, passwords. [`Program`](crate::process::Program) looks for all of them in all that is written.

mod shapes;

use std::collections::{BTreeSet, HashSet};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use crate::client::PASSWORD;
use crate::platform::EDGE_KEY;
use shapes::{SHORTEST, is_jwt, is_of_word};

static KNOWN: LazyLock<Mutex<Known>> = LazyLock::new(|| {
    let mut known = Known::default();
    for secret in [PASSWORD, EDGE_KEY] {
        known.add(secret);
    }
    Mutex::new(known)
});

#[derive(Default)]
struct Known {
    /// Looked up for each word of a line: there are as many as clients were given tokens.
    words: HashSet<String>,
    /// Looked for in each line: there are few.
    texts: BTreeSet<String>,
}

impl Known {
    fn add(&mut self, secret: &str) {
        // Of a token that is signed the signature alone lets nobody in, but it stands in a log only with the rest.
        let secret = match secret.rsplit_once('.') {
            Some((_, signature)) if is_jwt(secret) => signature,
            _ => secret,
        };
        if secret.len() < SHORTEST {
            return;
        }
        if secret.chars().all(is_of_word) {
            self.words.insert(secret.to_owned());
        } else {
            self.texts.insert(secret.to_owned());
        }
    }

    fn find(&self, line: &str) -> Option<&'static str> {
        let is_known = |word: &str| self.words.contains(word);
        if line.split(|c| !is_of_word(c)).any(is_known) {
            return Some("a secret that somebody was given");
        }
        let has = |text: &String| line.contains(text.as_str());
        self.texts
            .iter()
            .any(has)
            .then_some("a password or a key of the settings")
    }
}

/// From now on this must not stand in any log.
pub fn register(secret: &str) {
    known().add(secret);
}

/// The secrets among a program's settings.
pub fn register_settings(settings: &[(String, String)]) {
    for (name, value) in settings {
        let is_secret = ["SECRET", "PASSWORD", "TOKEN"]
            .iter()
            .any(|word| name.contains(word));
        if is_secret || name.ends_with("KEY") {
            register(value);
        } else if name.ends_with("_HEADERS") {
            value
                .split(',')
                .filter_map(|header| header.split_once('='))
                .for_each(|(_, value)| register(value));
        } else if name.ends_with("_URL") {
            register_url(value);
        }
    }
}

/// The password that a URL may have.
pub fn register_url(url: &str) {
    let authority = url.split_once("://").map(|(_, rest)| rest);
    let user = authority.and_then(|rest| rest.split_once('@'));
    if let Some((_, password)) = user.and_then(|(user, _)| user.split_once(':')) {
        register(password);
    }
}

/// The secrets in JSON that a client was given or sent, by the names of the contract.
pub fn register_json(value: &Value) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                match value {
                    Value::String(text) if name == "password" || name.ends_with("_token") => {
                        register(text);
                    }
                    Value::String(text) => register_address(text),
                    other => register_json(other),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(register_json),
        _ => {}
    }
}

/// What opens a preview, or signs for an object.
fn register_address(text: &str) {
    for mark in ["preview=", "X-Amz-Signature="] {
        if let Some((_, rest)) = text.split_once(mark) {
            register(rest.split('&').next().unwrap_or_default());
        }
    }
}

/// What a line has that it must not have.
pub fn find(line: &str) -> Option<&'static str> {
    shapes::find(line).or_else(|| known().find(line))
}

fn known() -> MutexGuard<'static, Known> {
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner)
}
