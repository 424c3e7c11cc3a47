//! Of many who read the same at once, one reads it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use tokio::sync::watch;
use tokio::time::timeout;

/// How long somebody waits for another's reading before they read themselves.
const PATIENCE: Duration = Duration::from_secs(1);

/// What is being read: at most one entry for each request that reads.
#[derive(Clone, Default)]
pub(crate) struct Readings(Arc<Mutex<HashMap<String, watch::Receiver<Option<Bytes>>>>>);

/// Whose it is.
pub(crate) enum Reading {
    Own(Own),
    Anothers(Anothers),
}

/// The others wait until it is over, or dropped.
pub(crate) struct Own {
    readings: Readings,
    name: String,
    content: watch::Sender<Option<Bytes>>,
}

pub(crate) struct Anothers(watch::Receiver<Option<Bytes>>);

impl Readings {
    /// Begins it, unless somebody reads the same.
    pub(crate) fn join(&self, name: String) -> Reading {
        let mut all = self.all();
        if let Some(reading) = all.get(&name) {
            return Reading::Anothers(Anothers(reading.clone()));
        }
        let (content, reading) = watch::channel(None);
        all.insert(name.clone(), reading);
        Reading::Own(Own {
            readings: self.clone(),
            name,
            content,
        })
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, watch::Receiver<Option<Bytes>>>> {
        // Each entry stands for itself.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Own {
    pub(crate) fn finish(self, content: &[u8]) {
        self.content
            .send_replace(Some(Bytes::copy_from_slice(content)));
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        self.readings.all().remove(&self.name);
    }
}

impl Anothers {
    /// What they read; nothing if they failed, went away, or take too long.
    pub(crate) async fn end(mut self) -> Option<Bytes> {
        let content = timeout(PATIENCE, self.0.wait_for(Option::is_some)).await;
        content.ok()?.ok()?.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(readings: &Readings) -> Own {
        match readings.join("name".to_owned()) {
            Reading::Own(own) => own,
            Reading::Anothers(_) => panic!("nobody reads it"),
        }
    }

    fn anothers(readings: &Readings) -> Anothers {
        match readings.join("name".to_owned()) {
            Reading::Own(_) => panic!("somebody reads it"),
            Reading::Anothers(anothers) => anothers,
        }
    }

    #[tokio::test]
    async fn one_reads_for_all_who_come_meanwhile() {
        let readings = Readings::default();
        let first = own(&readings);
        let (one, other) = (anothers(&readings), anothers(&readings));
        let waiting = tokio::spawn(one.end());
        first.finish(b"read");
        assert_eq!(waiting.await.unwrap().as_deref(), Some(&b"read"[..]));
        assert_eq!(other.end().await.as_deref(), Some(&b"read"[..]));
        assert!(readings.all().is_empty());
        // Who comes later reads anew.
        drop(own(&readings));
    }

    #[tokio::test]
    async fn nobody_waits_for_one_who_fails_or_never_ends() {
        let readings = Readings::default();
        let first = own(&readings);
        let waiting = anothers(&readings);
        drop(first);
        assert_eq!(waiting.end().await, None);
        let _never = own(&readings);
        assert_eq!(anothers(&readings).end().await, None);
    }
}
