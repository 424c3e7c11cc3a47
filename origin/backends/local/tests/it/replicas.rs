//! Several detectors: which one is asked, and what becomes of one that is sick.

#![expect(clippy::expect_used, reason = "helpers of tests")]

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sluicegate_conformance::detector::PICTURE;
use sluicegate_conformance::scripted::{Reply, ScriptedServer, nobody};
use sluicegate_core::error::PortError;
use sluicegate_core::moderation::Judgement;
use sluicegate_core::ports::Detector;
use sluicegate_local::{HttpDetector, ServiceLimits, system_env};
use tokio::task::JoinSet;

use crate::support::{HeldClock, client, limits};

const SAFE: &str = r#"{"safe":true,"confidence":1,"reason":"fine"}"#;
/// For a loaded machine.
const PATIENT: Duration = Duration::from_secs(30);

async fn two() -> [ScriptedServer; 2] {
    let start = || ScriptedServer::start(Reply::ok(SAFE));
    [start().await, start().await]
}

fn detector(servers: &[ScriptedServer], clock: &HeldClock, limits: ServiceLimits) -> HttpDetector {
    let urls: Vec<String> = servers.iter().map(ScriptedServer::url).collect();
    let urls = urls.iter().map(String::as_str);
    HttpDetector::new(urls, &client(), &clock.env(), limits).expect("URLs")
}

fn patient() -> ServiceLimits {
    ServiceLimits {
        timeout: PATIENT,
        at_once: 2,
        ..limits()
    }
}

async fn ask(detector: &HttpDetector) -> Result<Judgement, PortError> {
    detector.classify(Bytes::from_static(PICTURE)).await
}

async fn is_judged(detector: &HttpDetector, times: usize) {
    for _ in 0..times {
        let judged = ask(detector).await;
        assert!(matches!(judged, Ok(Judgement::Safe(_))), "{judged:?}");
    }
}

async fn until(what: &str, check: impl Fn() -> bool) {
    let waited = tokio::time::timeout(PATIENT, async {
        while !check() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    assert!(waited.await.is_ok(), "waited in vain until {what}");
}

#[tokio::test]
async fn the_least_busy_is_asked_and_equals_take_turns() {
    let servers = two().await;
    let detector = Arc::new(detector(&servers, &HeldClock::new(), patient()));
    is_judged(&detector, 6).await;
    assert_eq!(
        servers.each_ref().map(|server| server.take_seen().len()),
        [3, 3]
    );

    let [slow, quick] = &servers;
    slow.hold(true);
    let waiting = tokio::spawn({
        let detector = Arc::clone(&detector);
        async move { ask(&detector).await }
    });
    until("one waits", || slow.seen() == 1).await;
    is_judged(&detector, 10).await;
    assert_eq!((slow.seen(), quick.take_seen().len()), (1, 10));
    slow.hold(false);
    assert!(
        waiting.await.expect("ends").is_ok(),
        "it was slow, and no worse"
    );
}

#[tokio::test]
async fn among_the_busy_the_least_busy_is_asked() {
    let servers = two().await;
    let limits = ServiceLimits {
        at_once: 4,
        ..patient()
    };
    let detector = Arc::new(detector(&servers, &HeldClock::new(), limits));
    let ask_meanwhile = || {
        let detector = Arc::clone(&detector);
        tokio::spawn(async move { ask(&detector).await })
    };
    let [busy, other] = &servers;
    for server in &servers {
        server.hold(true);
    }
    let mut waiting = Vec::new();
    for asked in 1..=6 {
        waiting.push(ask_meanwhile());
        until("it is asked", || busy.seen() + other.seen() == asked).await;
    }
    assert_eq!((busy.seen(), other.seen()), (3, 3));
    // One is rid of its three, and gets the next three: it has fewer each time.
    other.hold(false);
    until("three are answered", || {
        waiting.iter().filter(|asked| asked.is_finished()).count() == 3
    })
    .await;
    other.hold(true);
    for asked in 4..=6 {
        waiting.push(ask_meanwhile());
        until("it is asked", || busy.seen() + other.seen() == asked + 3).await;
        assert_eq!((busy.seen(), other.seen()), (3, asked));
    }
    for server in &servers {
        server.hold(false);
    }
    for judged in waiting {
        assert!(judged.await.expect("ends").is_ok());
    }
}

#[tokio::test]
async fn no_more_are_asked_at_once_than_each_may_be() {
    let two = two().await;
    let one = [ScriptedServer::start(Reply::ok(SAFE)).await];
    asks_two_at_once(&two).await;
    asks_two_at_once(&one).await;
}

async fn asks_two_at_once(servers: &[ScriptedServer]) {
    let detector = Arc::new(detector(servers, &HeldClock::new(), patient()));
    for server in servers {
        server.hold(true);
    }
    let mut asking = JoinSet::new();
    for _ in 0..12 {
        let detector = Arc::clone(&detector);
        asking.spawn(async move { ask(&detector).await });
    }
    until("all places are taken", || {
        servers.iter().all(|server| server.seen() == 2)
    })
    .await;
    for server in servers {
        server.hold(false);
    }
    for judged in asking.join_all().await {
        assert!(judged.is_ok(), "{judged:?}");
    }
    assert!(servers.iter().all(|server| server.most_at_once() == 2));
    let seen: usize = servers.iter().map(ScriptedServer::seen).sum();
    assert_eq!(seen, 12, "each was asked once");
}

#[tokio::test]
async fn who_waited_long_for_a_place_is_answered_all_the_same() {
    let servers = two().await;
    let limits = ServiceLimits {
        timeout: Duration::from_secs(2),
        at_once: 1,
        failures_to_open: 1,
        ..limits()
    };
    // Time stands still for the breaker: what opened stays so.
    let detector = Arc::new(detector(&servers, &HeldClock::new(), limits));
    for server in &servers {
        server.takes(Duration::from_millis(900));
    }
    let mut asking = JoinSet::new();
    for _ in 0..8 {
        let detector = Arc::clone(&detector);
        asking.spawn(async move { ask(&detector).await });
    }
    // The last pair begins after 2.7 s of the 4 s in which it may: each takes less than its 2 s, so none is sick.
    for judged in asking.join_all().await {
        assert!(judged.is_ok(), "{judged:?}");
    }
    is_judged(&detector, 4).await;
}

#[tokio::test]
async fn who_waits_for_the_others_keeps_nobody_from_one_that_is_free() {
    let servers = two().await;
    let limits = ServiceLimits {
        at_once: 1,
        ..patient()
    };
    let detector = Arc::new(detector(&servers, &HeldClock::new(), limits));
    let ask_meanwhile = || {
        let detector = Arc::clone(&detector);
        tokio::spawn(async move { ask(&detector).await })
    };
    let [free, busy] = &servers;
    is_judged(&detector, 1).await;
    busy.hold(true);
    let held = ask_meanwhile();
    until("one is busy", || busy.seen() == 1).await;
    free.take_seen();
    free.next([Reply::Answer(503, Vec::new())]);
    let failed = ask_meanwhile();
    until("the other failed", || free.seen() == 1).await;
    // Of several, one comes after whoever it failed.
    is_judged(&detector, 4).await;
    assert!(!failed.is_finished(), "it has nobody else to ask");
    busy.hold(false);
    for judged in [held, failed] {
        let judged = judged.await.expect("ends");
        assert!(judged.is_ok(), "{judged:?}");
    }
}

#[tokio::test]
async fn who_finds_no_place_in_time_hears_of_an_outage() {
    let servers = two().await;
    let limits = ServiceLimits {
        at_once: 0,
        ..limits()
    };
    let detector = detector(&servers, &HeldClock::new(), limits);
    let refused = ask(&detector).await.expect_err("no place");
    assert!(refused.is_unavailable(), "{refused}");
    assert_eq!(servers.each_ref().map(ScriptedServer::seen), [0, 0]);
}

#[tokio::test]
async fn one_that_is_down_is_left_out_and_comes_back() {
    for sickness in [
        Reply::Answer(503, Vec::new()),
        // Something else is at its address.
        Reply::Answer(404, Vec::new()),
        Reply::Answer(403, Vec::new()),
        Reply::ok("garbage"),
        Reply::Close,
        Reply::Stall,
    ] {
        let servers = two().await;
        let clock = HeldClock::new();
        let limits = match sickness {
            Reply::Stall => limits(),
            _ => patient(),
        };
        let detector = detector(&servers, &clock, limits);
        let [sick, well] = &servers;
        sick.always(sickness.clone());
        is_judged(&detector, 20).await;
        assert_eq!(sick.take_seen().len(), 5, "{sickness:?}: five in a row");
        assert_eq!(well.take_seen().len(), 20, "{sickness:?}");
        let standings = detector.standings();
        assert_eq!((standings.named(), standings.used()), (2, 1));

        sick.always(Reply::ok(SAFE));
        is_judged(&detector, 4).await;
        assert_eq!(sick.take_seen().len(), 0, "{sickness:?}: left alone");
        clock.pass(Duration::from_secs(10));
        is_judged(&detector, 10).await;
        assert_eq!(sick.take_seen().len(), 5, "{sickness:?}: and well again");
        assert_eq!(standings.used(), 2);
    }
}

#[tokio::test]
async fn a_question_that_is_minded_is_not_asked_elsewhere() {
    let servers = two().await;
    for server in &servers {
        server.always(Reply::Answer(413, Vec::new()));
    }
    let detector = detector(&servers, &HeldClock::new(), limits());
    let refused = ask(&detector).await.expect_err("too large");
    assert!(!refused.is_unavailable(), "{refused}");
    assert_eq!(servers.each_ref().map(ScriptedServer::seen), [1, 0]);
}

#[tokio::test]
async fn all_of_them_down_are_an_outage() {
    let servers = two().await;
    for server in &servers {
        server.always(Reply::Answer(500, Vec::new()));
    }
    let detector = detector(&servers, &HeldClock::new(), limits());
    for _ in 0..8 {
        let down = ask(&detector).await.expect_err("down");
        assert!(down.is_unavailable(), "{down}");
    }
    assert_eq!(servers.each_ref().map(ScriptedServer::seen), [5, 5]);
    detector.ping().await.expect_err("none answers");
}

#[tokio::test]
async fn one_that_answers_is_enough_to_be_there() {
    let server = ScriptedServer::start(Reply::ok(SAFE)).await;
    let (gone, url) = (nobody().await, server.url());
    let urls = [gone.as_str(), url.as_str()];
    let detector = HttpDetector::new(urls, &client(), &system_env(), limits()).expect("URLs");
    detector.ping().await.expect("one answers");
    assert!(detector.name().contains(','), "{}", detector.name());
    assert!(HttpDetector::new([], &client(), &system_env(), limits()).is_err());
}
