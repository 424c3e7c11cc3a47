//! Tries what a presigned PUT promises. Edges and clients have no other credentials, so a store that does not enforce
//! what was signed lets them store what, and as much as, they like, and replace what is there.
//!
//! Ten small requests and two objects, which are deleted; what a probe that is killed leaves in `staging/` is swept
//! like every file there that no row knows.

use std::time::Duration;

use sha2::{Digest, Sha256};
use sluicegate_contract::ids::UploadId;
use sluicegate_contract::time::Timestamp;
use sluicegate_core::env::Env;
use sluicegate_core::error::PortError;
use sluicegate_core::ports::{ObjectStore, PresignedPut, PutGrant, Reach};
use sluicegate_core::upload::staged_object;
use sluicegate_local::http_client;
use sluicegate_s3::{S3ObjectStore, Settings};
use time::PrimitiveDateTime;
use time::format_description::StaticFormatDescription;
use time::macros::format_description;

const CONTENT: &[u8] = b"Can be deleted.\n";
/// As long.
const OTHER: &[u8] = b"Can be refused.\n";
const LONGER: &[u8] = b"Can be deleted.\nMore.";
const PATIENCE: Duration = Duration::from_secs(5);
const LIFETIME: Duration = Duration::from_mins(1);
/// RFC 9110, section 5.6.7.
const HTTP_DATE: StaticFormatDescription = format_description!(
    "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
);

/// What came of a probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Everything that was signed is enforced.
    Enforces,
    /// Something is not.
    Lacks(Lack),
    /// It refuses what is right: nothing can be stored, but nothing wrong either.
    Refuses(String),
    /// It did not answer, or not with yes or no: says nothing of what it enforces.
    Untold(String),
}

impl Verdict {
    /// Whether it says what the store enforces.
    pub(crate) fn is_told(&self) -> bool {
        matches!(self, Self::Enforces | Self::Lacks(_))
    }
}

/// A promise that the store does not keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lack {
    /// What it does.
    pub(crate) found: &'static str,
    /// What it would have to do.
    pub(crate) remedy: &'static str,
}

const LENGTH: Lack = Lack {
    found: "it takes more bytes than were signed",
    remedy: "use a store that checks signed lengths",
};
const TYPE: Lack = Lack {
    found: "it takes another content-type than was signed",
    remedy: "use a store that checks signed headers",
};
const DIGEST: Lack = Lack {
    found: "it takes other content than x-amz-checksum-sha256 says",
    remedy: "use a store that checks SHA-256",
};
const NO_DIGEST: Lack = Lack {
    found: "it takes content without the x-amz-checksum-sha256 that was signed",
    remedy: "use a store that checks signed headers",
};
const REPLACED: Lack = Lack {
    found: "it replaces objects in spite of if-none-match",
    remedy: "use a store that knows conditional writes",
};
const NO_CONDITION: Lack = Lack {
    found: "it replaces objects where the if-none-match that was signed is left out",
    remedy: "use a store that checks signed headers",
};
const KEPT: Lack = Lack {
    found: "it keeps what it has refused",
    remedy: "use a store that compares before it stores",
};

/// A probe of one way to the store.
pub(crate) struct Probed {
    /// The URL that was signed for.
    pub(crate) place: String,
    pub(crate) verdict: Verdict,
    /// What the store's clock said.
    pub(crate) date: Option<Timestamp>,
    /// What could not be deleted, and why.
    pub(crate) left: Option<PortError>,
}

/// Probes the ways on which presigned URLs are used: that of edges, and that of clients where they have one. Where the
/// edges' leads nowhere from here, or to somebody who lets nothing through, our own to the same store.
pub(crate) async fn all(settings: &Settings, env: &Env) -> Vec<Probed> {
    let mut probed = vec![one(settings, &settings.edge_endpoint, env).await];
    let is_told = probed.iter().any(|probed| probed.verdict.is_told());
    if !is_told && settings.endpoint != settings.edge_endpoint {
        probed.push(one(settings, &settings.endpoint, env).await);
    }
    if let Some(public) = &settings.public_endpoint
        && !probed.iter().any(|probed| probed.place == *public)
    {
        probed.push(one(settings, public, env).await);
    }
    probed
}

async fn one(settings: &Settings, place: &str, env: &Env) -> Probed {
    let store = S3ObjectStore::new(&Settings {
        edge_endpoint: place.to_owned(),
        ..settings.clone()
    });
    probe(&store, place, env).await
}

async fn probe(store: &dyn ObjectStore, place: &str, env: &Env) -> Probed {
    let keys = [(); 2].map(|()| staged_object(UploadId(env.new_id())));
    let [plain, digest] = keys.each_ref();
    let (mut first, second) = (Attempts::new(store, plain), Attempts::new(store, digest));
    let tried = tokio::join!(first.plain(env), second.digest(env));
    let date = first.date;
    // What it lacks counts, whatever else was seen.
    let verdict = match tried {
        (Err(lacks @ Verdict::Lacks(_)), _) | (_, Err(lacks @ Verdict::Lacks(_))) => lacks,
        (Err(other), _) | (_, Err(other)) => other,
        (Ok(()), Ok(())) => Verdict::Enforces,
    };
    let mut left = None;
    // Where nothing was reached, nothing lies: and nothing could be deleted.
    if date.is_some() || !matches!(verdict, Verdict::Untold(_)) {
        for key in &keys {
            left = store.delete(key).await.err().or(left);
        }
    }
    Probed {
        place: place.to_owned(),
        verdict,
        date,
        left,
    }
}

/// Requests to one object.
struct Attempts<'a> {
    store: &'a dyn ObjectStore,
    key: &'a str,
    date: Option<Timestamp>,
}

impl<'a> Attempts<'a> {
    fn new(store: &'a dyn ObjectStore, key: &'a str) -> Self {
        Self {
            store,
            key,
            date: None,
        }
    }

    /// Length, type, and single use.
    async fn plain(&mut self, env: &Env) -> Result<(), Verdict> {
        let put = self.presign(None, env).await?;
        let (longer, date) = send(&put, LONGER, None).await?;
        self.date = date;
        refused(longer, LENGTH)?;
        let other = ("content-type", Some("text/html"));
        refused(send(&put, CONTENT, Some(other)).await?.0, TYPE)?;
        self.nothing_kept().await?;
        taken(send(&put, CONTENT, None).await?.0)?;
        refused(send(&put, OTHER, None).await?.0, REPLACED)?;
        let left_out = ("if-none-match", None);
        refused(send(&put, OTHER, Some(left_out)).await?.0, NO_CONDITION)
    }

    /// The digest, where one is signed.
    async fn digest(&self, env: &Env) -> Result<(), Verdict> {
        let digest = Sha256::digest(CONTENT).into();
        let put = self.presign(Some(digest), env).await?;
        refused(send(&put, OTHER, None).await?.0, DIGEST)?;
        let left_out = ("x-amz-checksum-sha256", None);
        refused(send(&put, OTHER, Some(left_out)).await?.0, NO_DIGEST)?;
        self.nothing_kept().await?;
        taken(send(&put, CONTENT, None).await?.0)
    }

    async fn presign(&self, sha256: Option<[u8; 32]>, env: &Env) -> Result<PresignedPut, Verdict> {
        let grant = PutGrant {
            key: self.key,
            length: u64::try_from(CONTENT.len()).unwrap_or_default(),
            sha256,
            lifetime: LIFETIME,
            reach: Reach::Edge,
        };
        let put = self.store.presign_put(&grant, env.now()).await;
        put.map_err(|error| Verdict::Untold(error.to_string()))
    }

    async fn nothing_kept(&self) -> Result<(), Verdict> {
        match self.store.head(self.key).await {
            Ok(None) => Ok(()),
            Ok(Some(_)) => Err(Verdict::Lacks(KEPT)),
            Err(error) => Err(Verdict::Untold(error.to_string())),
        }
    }
}

fn refused(status: u16, lack: Lack) -> Result<(), Verdict> {
    match status {
        200..=299 => Err(Verdict::Lacks(lack)),
        408 | 429 => Err(untold(status)),
        400..=499 => Ok(()),
        _ => Err(untold(status)),
    }
}

fn taken(status: u16) -> Result<(), Verdict> {
    match status {
        200..=299 => Ok(()),
        408 | 429 => Err(untold(status)),
        400..=499 => Err(Verdict::Refuses(format!(
            "it refuses what was signed: {status}"
        ))),
        _ => Err(untold(status)),
    }
}

fn untold(status: u16) -> Verdict {
    Verdict::Untold(format!("it answers {status}"))
}

/// Sends content, with one header another or left out. The status and the date of the answer.
async fn send(
    put: &PresignedPut,
    content: &'static [u8],
    changed: Option<(&str, Option<&str>)>,
) -> Result<(u16, Option<Timestamp>), Verdict> {
    let client = http_client().map_err(|error| Verdict::Untold(error.to_string()))?;
    let mut headers = put.headers.clone();
    // The client sends the length that the body has.
    headers.remove("content-length");
    match changed {
        Some((name, Some(value))) => {
            headers.insert(name.to_owned(), value.to_owned());
        }
        Some((name, None)) => {
            headers.remove(name);
        }
        None => {}
    }
    let mut request = client.put(&put.url).timeout(PATIENCE);
    for (name, value) in &headers {
        request = request.header(name, value);
    }
    let answer = request.body(content).send().await.map_err(|error| {
        let error = error.without_url();
        Verdict::Untold(format!("not reachable from here: {error}"))
    })?;
    let date = answer
        .headers()
        .get("date")
        .and_then(|date| date.to_str().ok());
    Ok((answer.status().as_u16(), date.and_then(parse_date)))
}

fn parse_date(text: &str) -> Option<Timestamp> {
    let date = PrimitiveDateTime::parse(text, HTTP_DATE).ok()?;
    Some(Timestamp::new(date.assume_utc()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_of_http_is_read() {
        let date = parse_date("Sun, 06 Nov 1994 08:49:37 GMT").expect("is one");
        assert_eq!(date.unix_seconds(), 784_111_777);
        assert_eq!(parse_date("yesterday"), None);
    }

    #[test]
    fn an_outage_is_no_verdict() {
        for status in [301, 408, 429, 500, 503] {
            let untold = untold(status);
            assert_eq!(refused(status, LENGTH), Err(untold.clone()));
            assert_eq!(taken(status), Err(untold));
        }
        assert_eq!(refused(412, REPLACED), Ok(()));
        assert_eq!(refused(200, REPLACED), Err(Verdict::Lacks(REPLACED)));
        assert!(matches!(taken(403), Err(Verdict::Refuses(_))));
    }
}
