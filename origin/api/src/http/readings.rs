//! Of many who read the same at once, one reads it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Bytes;
use tokio::sync::watch;

use crate::error::ApiError;

type Read = Result<Bytes, ApiError>;

/// What is being read: at most one entry for each request that reads.
#[derive(Clone, Default)]
pub(crate) struct Readings(Arc<Mutex<HashMap<String, watch::Receiver<Option<Read>>>>>);

/// Whose it is.
pub(crate) enum Reading {
    Own(Own),
    Anothers(Anothers),
}

/// Others join it until it is dropped.
pub(crate) struct Own {
    readings: Readings,
    name: String,
    read: watch::Sender<Option<Read>>,
}

pub(crate) struct Anothers(watch::Receiver<Option<Read>>);

impl Readings {
    /// Begins it, unless somebody reads the same.
    pub(crate) fn join(&self, name: &str) -> Reading {
        let mut all = self.all();
        if let Some(reading) = all.get(name) {
            return Reading::Anothers(Anothers(reading.clone()));
        }
        let (read, reading) = watch::channel(None);
        all.insert(name.to_owned(), reading);
        Reading::Own(Own {
            readings: self.clone(),
            name: name.to_owned(),
            read,
        })
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, watch::Receiver<Option<Read>>>> {
        // Each entry stands for itself.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Own {
    /// Tells the others what came of it. That nothing is there, or that it cannot be read now, is theirs, too: each trying for
    /// itself is what a database that is slow can bear least.
    pub(crate) fn tell(&self, read: Read) {
        self.read.send_replace(Some(read));
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        self.readings.all().remove(&self.name);
    }
}

impl Anothers {
    /// What came of it; nothing if whoever read it went away. Takes as long as they may take, who may take no longer than any
    /// request.
    pub(crate) async fn end(mut self) -> Option<Read> {
        let read = self.0.wait_for(Option::is_some).await.ok()?;
        match read.as_ref()? {
            Ok(content) => Some(Ok(content.clone())),
            Err(error) => Some(Err(error.for_another())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(readings: &Readings) -> Own {
        match readings.join("name") {
            Reading::Own(own) => own,
            Reading::Anothers(_) => panic!("nobody reads it"),
        }
    }

    fn anothers(readings: &Readings) -> Anothers {
        match readings.join("name") {
            Reading::Own(_) => panic!("somebody reads it"),
            Reading::Anothers(anothers) => anothers,
        }
    }

    #[tokio::test]
    async fn one_reads_for_all_who_come_until_it_is_over() {
        let readings = Readings::default();
        let first = own(&readings);
        let waiting = tokio::spawn(anothers(&readings).end());
        first.tell(Ok(Bytes::from_static(b"read")));
        for read in [waiting.await.unwrap(), anothers(&readings).end().await] {
            assert_eq!(read.unwrap().unwrap(), "read");
        }
        drop(first);
        // Who comes later reads anew.
        drop(own(&readings));
        assert!(readings.all().is_empty());
    }

    #[tokio::test]
    async fn who_waits_for_one_that_went_away_reads_themselves() {
        let readings = Readings::default();
        let first = own(&readings);
        let waiting = anothers(&readings);
        drop(first);
        assert!(waiting.end().await.is_none());
        drop(own(&readings));
    }
}
