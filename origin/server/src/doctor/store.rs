//! The object store: whether it is there, and whether it enforces what presigned URLs promise. Edges have no other
//! credentials, so a store that does not would let clients store what, and as much as, they like.

use std::time::Duration;

use sluicegate_contract::time::Timestamp;
use sluicegate_core::env::Env;
use sluicegate_core::error::PortError;
use sluicegate_core::ports::{ObjectStore, PresignedPut, PutGrant, Reach};
use sluicegate_local::http_client;
use sluicegate_s3::S3ObjectStore;
use time::PrimitiveDateTime;
use time::format_description::StaticFormatDescription;
use time::macros::format_description;

use super::{Finding, Running, State, apart};
use crate::places::{configured, embedded_objects};
use crate::settings::Settings;

const WHAT: &str = "objects";
const PROBE: &[u8] = b"Can be deleted.\n";
const PATIENCE: Duration = Duration::from_secs(5);
const LIFETIME: Duration = Duration::from_mins(1);
/// Stores refuse signatures that are 15 minutes off.
const SKEW_NOTED: Duration = Duration::from_secs(30);
const SKEW_WRONG: Duration = Duration::from_mins(5);
/// RFC 9110, section 5.6.7.
const HTTP_DATE: StaticFormatDescription = format_description!(
    "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
);

pub(super) async fn look(settings: &Settings, running: &Running<'_>, env: &Env) -> Vec<Finding> {
    let (place, chosen) = match (&settings.objects, running) {
        (Some(chosen), _) => (
            format!("{}/{}", chosen.endpoint, settings.bucket),
            configured(chosen, settings),
        ),
        (None, Ok(Some(services))) => ("embedded".to_owned(), embedded_objects(services, settings)),
        (None, Ok(None)) => {
            let state = State::Note("not running".to_owned(), "start `sluicegate-origin serve`");
            return vec![Finding::new(WHAT, "embedded", state)];
        }
        (None, Err(error)) => {
            let state = State::Wrong(error.clone(), "check SLUICEGATE_DATA");
            return vec![Finding::new(WHAT, "embedded", state)];
        }
    };
    let edge_place = chosen.edge_endpoint.clone();
    let store = S3ObjectStore::new(&chosen);
    if let Err(error) = store.ping().await {
        return vec![Finding::new(WHAT, place, missing(&error))];
    }
    let mut findings = vec![Finding::new(WHAT, place, State::ok("ok"))];
    findings.extend(probe(&store, &edge_place, env).await);
    findings
}

fn missing(error: &PortError) -> State {
    let said = error.to_string();
    if said.contains("there is no bucket") {
        State::Wrong(
            said,
            "make the bucket, or let `serve` make it: its keys must allow that",
        )
    } else {
        State::Wrong(
            said,
            "check S3_ENDPOINT and the keys, and that the store runs",
        )
    }
}

/// Stores a small object as an edge does, and tries what must not work.
async fn probe(store: &dyn ObjectStore, place: &str, env: &Env) -> Vec<Finding> {
    let key = format!("staging/doctor-{}", env.new_id());
    let (promises, date) = match promises(store, &key, env).await {
        Ok(seen) => seen,
        Err(error) => (
            State::Wrong(error.to_string(), "check the keys' rights"),
            None,
        ),
    };
    let mut findings = vec![Finding::new("presigned uploads", place, promises)];
    if let Some(date) = date {
        let skew = apart(env.now(), date);
        findings.push(Finding::new("store's clock", place, clock(skew)));
    }
    if let Err(error) = store.delete(&key).await {
        let state = State::Wrong(error.to_string(), "let the keys delete objects");
        findings.push(Finding::new("deleting", place, state));
    }
    findings
}

/// What came of it, and the store's time if it says one.
async fn promises(
    store: &dyn ObjectStore,
    key: &str,
    env: &Env,
) -> Result<(State, Option<Timestamp>), PortError> {
    let grant = PutGrant {
        key,
        length: u64::try_from(PROBE.len()).unwrap_or_default(),
        sha256: None,
        lifetime: LIFETIME,
        reach: Reach::Edge,
    };
    let put = store.presign_put(&grant, env.now()).await?;
    let longer = [PROBE, b"More."].concat();
    let (first, date) = match send(&put, longer).await {
        Ok(answer) => answer,
        Err(error) => {
            let found = format!("not reachable from here: {error}");
            let advice = "check S3_EDGE_ENDPOINT, or run doctor where the edges are";
            return Ok((State::Note(found, advice), None));
        }
    };
    if is_success(first) {
        let found = "it takes more bytes than were signed".to_owned();
        return Ok((
            State::Wrong(found, "use a store that checks signed lengths"),
            date,
        ));
    }
    let stored = send(&put, PROBE.to_vec()).await.map(|(status, _)| status);
    if !stored.as_ref().is_ok_and(|status| is_success(*status)) {
        let found = format!("it refuses what was signed: {stored:?}");
        let advice =
            "check S3_REGION and S3_EDGE_ENDPOINT: both are part of signatures; and the clocks";
        return Ok((State::Wrong(found, advice), date));
    }
    let again = send(&put, PROBE.to_vec()).await.map(|(status, _)| status);
    if again.is_ok_and(is_success) {
        let found = "it replaces objects in spite of if-none-match".to_owned();
        return Ok((
            State::Wrong(found, "use a store that knows conditional writes"),
            date,
        ));
    }
    Ok((State::ok("ok, lengths and single use are enforced"), date))
}

fn is_success(status: u16) -> bool {
    (200..300).contains(&status)
}

/// The status and the date of the answer.
async fn send(put: &PresignedPut, body: Vec<u8>) -> Result<(u16, Option<Timestamp>), String> {
    let client = http_client().map_err(|error| error.to_string())?;
    let mut request = client.put(&put.url).timeout(PATIENCE);
    for (name, value) in &put.headers {
        // The client sends the length that the body has.
        if name != "content-length" {
            request = request.header(name, value);
        }
    }
    let answer = request.body(body).send().await;
    let answer = answer.map_err(|error| error.without_url().to_string())?;
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

fn clock(skew: Duration) -> State {
    let found = format!("{} s apart from this machine's", skew.as_secs());
    if skew > SKEW_WRONG {
        State::Wrong(
            found,
            "set both clocks by NTP: the store will refuse signatures",
        )
    } else if skew > SKEW_NOTED {
        State::Note(found, "set both clocks by NTP")
    } else {
        State::ok(format!("ok, {found}"))
    }
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
}
