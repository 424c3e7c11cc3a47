//! What every [`PurgeHook`] that asks a service must do.

use std::sync::Arc;

use sluicegate_contract::ids::{JobId, UploadId};
use sluicegate_contract::media::MediaKey;
use sluicegate_core::ports::{Purge, PurgeHook};
use uuid::Uuid;

use crate::scripted::{Reply, Request, ScriptedServer, nobody};

/// A purge of the suite.
pub fn purge(id: u128) -> Purge {
    Purge {
        id: JobId(Uuid::from_u128(id)),
        key: MediaKey(UploadId(Uuid::from_u128(
            0x0190_0000_0000_7000_8000_0000_0000_0001,
        ))),
    }
}

/// Runs the whole suite. `make` builds a fresh adapter for the service at a base URL, with a time-out well
/// below a second.
pub async fn all(make: impl Fn(&str) -> Arc<dyn PurgeHook>) {
    let server = ScriptedServer::start(Reply::ok("{}")).await;
    let hook = make(&server.url());
    each_purge_is_one_call_that_names_picture_and_removal(&server, &*hook).await;
    whatever_is_no_success_is_an_error(&server, &make).await;
    outages_are_told_from_refusals(&server, &make).await;
    its_name_stays(&*hook, &*make(&server.url()));
    it_says_whether_it_would_answer_and_purges_nothing(&server, &make).await;
}

async fn each_purge_is_one_call_that_names_picture_and_removal(
    server: &ScriptedServer,
    hook: &dyn PurgeHook,
) {
    for (status, id) in [(200, 1), (202, 2), (204, 3)] {
        server.always(Reply::Answer(status, Vec::new()));
        server.take_seen();
        for _ in 0..2 {
            assert!(
                hook.purge(&purge(id)).await.is_ok(),
                "{status} is a success"
            );
        }
        let seen = server.take_seen();
        assert_eq!(seen.len(), 2, "one call for each time it is asked");
        for request in seen {
            let (said, purge) = (text(&request), purge(id));
            assert!(said.contains(&purge.key.to_string()), "no key in {said}");
            assert!(said.contains(&purge.id.to_string()), "no id in {said}");
        }
    }
}

async fn whatever_is_no_success_is_an_error(
    server: &ScriptedServer,
    make: &impl Fn(&str) -> Arc<dyn PurgeHook>,
) {
    for status in [302, 304, 400, 401, 404, 408, 429, 500, 503] {
        server.always(Reply::Answer(status, Vec::new()));
        let purged = make(&server.url()).purge(&purge(4)).await;
        assert!(purged.is_err(), "{status} was taken for a success");
    }
}

async fn outages_are_told_from_refusals(
    server: &ScriptedServer,
    make: &impl Fn(&str) -> Arc<dyn PurgeHook>,
) {
    for reply in [
        Reply::Answer(500, Vec::new()),
        Reply::Answer(503, Vec::new()),
        Reply::Answer(429, Vec::new()),
        Reply::Stall,
        Reply::Close,
    ] {
        server.always(reply.clone());
        let purged = make(&server.url()).purge(&purge(5)).await;
        let outage = purged.is_err_and(|error| error.is_unavailable());
        assert!(outage, "{reply:?} is an outage");
    }
    let purged = make(&nobody().await).purge(&purge(5)).await;
    let outage = purged.is_err_and(|error| error.is_unavailable());
    assert!(outage, "nobody there is an outage");
    server.always(Reply::Answer(403, Vec::new()));
    let purged = make(&server.url()).purge(&purge(5)).await;
    let refusal = purged.is_err_and(|error| !error.is_unavailable());
    assert!(refusal, "403 is no outage");
}

fn its_name_stays(one: &dyn PurgeHook, other: &dyn PurgeHook) {
    assert!(!one.name().is_empty());
    assert_eq!(one.name(), other.name());
}

async fn it_says_whether_it_would_answer_and_purges_nothing(
    server: &ScriptedServer,
    make: &impl Fn(&str) -> Arc<dyn PurgeHook>,
) {
    server.always(Reply::Answer(405, Vec::new()));
    server.take_seen();
    assert!(make(&server.url()).ping().await.is_ok(), "it answers");
    let asked = server.take_seen();
    assert!(asked.iter().all(|request| request.method != "POST"));
    server.always(Reply::Answer(500, Vec::new()));
    assert!(make(&server.url()).ping().await.is_err());
    assert!(make(&nobody().await).ping().await.is_err());
}

/// All that a request says.
fn text(request: &Request) -> String {
    let headers: Vec<_> = request
        .headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    let body = String::from_utf8_lossy(&request.body);
    format!("{}\n{}\n\n{body}", request.path, headers.join("\n"))
}
