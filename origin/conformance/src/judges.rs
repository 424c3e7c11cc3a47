//! What detectors and text models have in common: whatever goes wrong is an error, never a
//! judgement. The adapter under test asks a [`ScriptedServer`].

use std::future::Future;
use std::time::{Duration, Instant};

use sluicegate_core::error::PortError;
use sluicegate_core::moderation::Judgement;

use crate::scripted::{Reply, ScriptedServer, nobody};

/// How the service under test says things, in its own wire protocol.
#[derive(Debug, Clone)]
pub struct Wire {
    /// The body that calls it safe.
    pub safe: String,
    /// The body that calls it unsafe.
    pub unsafe_: String,
    /// Bodies that are no judgement in this protocol.
    pub nonsense: Vec<String>,
}

/// How the adapter must be built for the suite.
#[derive(Debug, Clone, Copy)]
pub struct Expected {
    /// Its time-out for one question; keep it well below a second.
    pub timeout: Duration,
    /// How many more times it asks after a 500.
    pub retries: usize,
}

type Judged = Result<Judgement, PortError>;

pub(crate) async fn says_what_the_service_says<F: Future<Output = Judged>>(
    server: &ScriptedServer,
    wire: &Wire,
    judge: impl Fn() -> F,
) {
    for _ in 0..2 {
        server.always(Reply::ok(&wire.safe));
        let judged = judge().await;
        let Ok(Judgement::Safe(finding)) = judged else {
            panic!("{judged:?} is not safe")
        };
        assert!((0.0..=1.0).contains(&finding.confidence));
        server.always(Reply::ok(&wire.unsafe_));
        let judged = judge().await;
        let Ok(Judgement::Unsafe(finding)) = judged else {
            panic!("{judged:?} is not unsafe")
        };
        assert!((0.0..=1.0).contains(&finding.confidence));
        assert!(!finding.reason.is_empty());
    }
}

/// `judge` asks through an adapter of its own for every call, so that no breaker is open.
pub(crate) async fn errors_are_never_judgements<F: Future<Output = Judged>>(
    server: &ScriptedServer,
    wire: &Wire,
    expected: Expected,
    judge: impl Fn(String) -> F,
) {
    let safe = wire.safe.clone().into_bytes();
    let long = format!("{}{}", wire.safe, " ".repeat(1024 * 1024)).into_bytes();
    let mut bad = vec![
        ("500", Reply::Answer(500, safe.clone())),
        ("503", Reply::Answer(503, safe.clone())),
        ("429", Reply::Answer(429, safe.clone())),
        ("400", Reply::Answer(400, safe.clone())),
        ("401", Reply::Answer(401, safe.clone())),
        ("302", Reply::Answer(302, safe.clone())),
        ("204", Reply::Answer(204, Vec::new())),
        ("201", Reply::Answer(201, safe.clone())),
        ("an empty answer", Reply::ok("")),
        ("an answer that is not JSON", Reply::ok("<html>safe</html>")),
        (
            "an answer that is not UTF-8",
            Reply::Answer(200, b"{\"safe\":\xff}".to_vec()),
        ),
        ("an endless answer", Reply::Answer(200, long)),
        ("a stall", Reply::Stall),
        ("a stall in the body", Reply::StallInBody(safe.clone())),
        ("a closed connection", Reply::Close),
        ("a connection closed half-way", Reply::CloseHalfWay(safe)),
    ];
    bad.extend(
        wire.nonsense
            .iter()
            .map(|body| (body.as_str(), Reply::ok(body))),
    );
    for (what, reply) in bad {
        server.always(reply);
        let begun = Instant::now();
        let judged = judge(server.url()).await;
        assert!(judged.is_err(), "{what} was taken for {judged:?}");
        let most = expected.timeout + Duration::from_secs(5);
        assert!(begun.elapsed() < most, "{what} took {:?}", begun.elapsed());
    }
    let outage = judge(nobody().await).await;
    assert!(
        outage.is_err_and(|error| error.is_unavailable()),
        "nobody there is an outage"
    );
}

pub(crate) async fn outages_are_told_from_faults<F: Future<Output = Judged>>(
    server: &ScriptedServer,
    judge: impl Fn() -> F,
) {
    for reply in [Reply::Answer(503, Vec::new()), Reply::Stall, Reply::Close] {
        server.always(reply.clone());
        let judged = judge().await;
        assert!(
            judged.is_err_and(|error| error.is_unavailable()),
            "{reply:?} is an outage"
        );
    }
}

pub(crate) async fn asks_again_after_a_500<F: Future<Output = Judged>>(
    server: &ScriptedServer,
    wire: &Wire,
    expected: Expected,
    judge: impl Fn() -> F,
) {
    server.always(Reply::ok(&wire.safe));
    server.next(vec![Reply::Answer(500, Vec::new()); expected.retries]);
    server.take_seen();
    assert!(matches!(judge().await, Ok(Judgement::Safe(_))));
    assert_eq!(server.take_seen().len(), expected.retries + 1);
    server.always(Reply::Answer(500, Vec::new()));
    assert!(judge().await.is_err());
    assert_eq!(
        server.take_seen().len(),
        expected.retries + 1,
        "and then no more"
    );
}
