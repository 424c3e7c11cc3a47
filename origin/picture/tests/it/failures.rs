#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::fs;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use rustix::process::{Pid, Signal, kill_process};
use sluicegate_contract::uploads::Purpose;
use sluicegate_core::error::PortError;
use sluicegate_core::ports::{ByteStream, MadePicture, MakePictureError, PictureMaker};
use sluicegate_picture::{ChildLimits, ChildPictureMaker};

use crate::support::{CHILD, fixture, maker, misbehaving, stream_of, tight, word};

async fn end_of(mode: &str, limits: ChildLimits) -> String {
    word(
        misbehaving(&[mode], limits)
            .make(stream_of(&fixture("photo.jpg")), Purpose::Avatar)
            .await,
    )
}

/// The file's first pieces, and then nothing more, ever.
fn stalled() -> ByteStream {
    Box::pin(
        stream_of(&fixture("photo.jpg"))
            .take(1)
            .chain(stream::pending()),
    )
}

/// The process that was started with this argument. Waits until there is one.
async fn child_with(token: &str) -> Pid {
    let found = async {
        loop {
            let pid = fs::read_dir("/proc").unwrap().flatten().find_map(|entry| {
                let line = fs::read(entry.path().join("cmdline")).ok()?;
                let mut args = line.split(|byte| *byte == 0);
                args.any(|arg| arg == token.as_bytes()).then_some(())?;
                Pid::from_raw(entry.file_name().to_str()?.parse().ok()?)
            });
            match pid {
                Some(pid) => return pid,
                None => tokio::time::sleep(Duration::from_millis(2)).await,
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), found)
        .await
        .unwrap()
}

async fn is_gone(pid: Pid) -> bool {
    let gone = async {
        while rustix::process::test_kill_process(pid).is_ok() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), gone)
        .await
        .is_ok()
}

#[tokio::test]
async fn a_decoder_without_end_is_too_slow() {
    assert_eq!(end_of("spin", tight()).await, "too_slow");
}

#[tokio::test]
async fn a_decoder_that_takes_all_memory_dies_alone() {
    assert_eq!(
        end_of("hog", ChildLimits::default()).await,
        "too_much_memory"
    );
}

#[tokio::test]
async fn a_decoder_that_panics_crashed() {
    assert_eq!(end_of("panic", ChildLimits::default()).await, "crashed");
}

#[tokio::test]
async fn an_answer_without_end_is_cut() {
    assert_eq!(end_of("flood", ChildLimits::default()).await, "crashed");
}

#[tokio::test]
async fn an_answer_that_is_no_picture_is_not_believed() {
    assert_eq!(end_of("lie", ChildLimits::default()).await, "crashed");
}

/// What the maker says if the child ends badly through no fault of the file.
fn blames_no_file(outcome: Result<MadePicture, MakePictureError>) -> bool {
    matches!(outcome, Err(MakePictureError::Port(error)) if error.is_unavailable())
}

#[tokio::test]
async fn a_child_that_only_waits_is_killed_and_blames_no_file() {
    // The photo is larger than a pipe, so that writing it to a deaf child stalls.
    for mode in ["wait", "deaf"] {
        let limits = ChildLimits {
            wall: Duration::from_millis(300),
            ..ChildLimits::default()
        };
        let maker = misbehaving(&[mode], limits);
        let photo = stream_of(&fixture("photo.jpg"));
        assert!(
            blames_no_file(maker.make(photo, Purpose::Avatar).await),
            "{mode}"
        );
    }
}

#[tokio::test]
async fn a_child_that_aborts_crashed() {
    let token = format!("aborted-{}", std::process::id());
    let maker = misbehaving(&["wait", &token], ChildLimits::default());
    let (outcome, ()) = tokio::join!(maker.make(stalled(), Purpose::Avatar), async {
        kill_process(child_with(&token).await, Signal::ABORT).unwrap();
    });
    assert_eq!(word(outcome), "crashed");
}

#[tokio::test]
async fn a_child_that_somebody_ends_blames_no_file() {
    for signal in [Signal::TERM, Signal::KILL] {
        let token = format!("ended-{}-{}", std::process::id(), signal.as_raw());
        let maker = misbehaving(&["wait", &token], ChildLimits::default());
        let (outcome, ()) = tokio::join!(maker.make(stalled(), Purpose::Avatar), async {
            kill_process(child_with(&token).await, signal).unwrap();
        });
        assert!(blames_no_file(outcome), "{signal:?}");
    }
}

#[tokio::test]
async fn a_caller_that_goes_away_takes_its_child_along() {
    let token = format!("dropped-{}", std::process::id());
    let maker = misbehaving(&["wait", &token], ChildLimits::default());
    let pid = tokio::select! {
        outcome = maker.make(stalled(), Purpose::Avatar) => panic!("{outcome:?}"),
        pid = child_with(&token) => pid,
    };
    assert!(is_gone(pid).await);
}

#[tokio::test]
async fn a_source_that_fails_blames_no_file() {
    let broken = stream_of(&fixture("photo.jpg"))
        .take(2)
        .chain(stream::iter([Err(PortError::unavailable(
            "object store",
            "gone",
        ))]));
    match maker().make(Box::pin(broken), Purpose::Avatar).await {
        Err(MakePictureError::Port(PortError::Unavailable { service, .. })) => {
            assert_eq!(service, "object store");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_source_that_stalls_blames_no_file() {
    let limits = ChildLimits {
        source: Duration::from_millis(200),
        ..ChildLimits::default()
    };
    match misbehaving(&[], limits)
        .make(stalled(), Purpose::Avatar)
        .await
    {
        Err(MakePictureError::Port(error)) => assert!(error.is_unavailable()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_program_that_cannot_be_started_blames_no_file() {
    let none: [&str; 0] = [];
    let maker = ChildPictureMaker::new("/nonexistent", none, ChildLimits::default(), 1);
    let source: ByteStream = Box::pin(stream::iter([Ok(Bytes::from_static(b"x"))]));
    match maker.make(source, Purpose::Avatar).await {
        Err(MakePictureError::Port(PortError::Unavailable { service, .. })) => {
            assert_eq!(service, "picture child");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_child_that_is_started_wrongly_says_so() {
    // A number more than there should be.
    let maker = ChildPictureMaker::new(CHILD, ["1"], ChildLimits::default(), 1);
    match maker.make(stream_of(b"x"), Purpose::Avatar).await {
        Err(MakePictureError::Port(error)) => assert!(!error.is_unavailable(), "{error}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_failed_picture_gives_its_place_back() {
    let maker = ChildPictureMaker::new(CHILD, ["panic"], ChildLimits::default(), 1);
    for _ in 0..3 {
        assert_eq!(
            word(maker.make(stream_of(b"x"), Purpose::Avatar).await),
            "crashed"
        );
    }
}
