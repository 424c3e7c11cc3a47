//! Files that want to do harm: each is refused or becomes a plain picture, and nobody else notices.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "helpers of tests"
)]

use std::fs;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use rustix::process::{Pid, Signal, kill_process};
use sluicegate_contract::uploads::Purpose;
use sluicegate_core::ports::{ByteStream, PictureMaker};
use sluicegate_picture::{Caps, ChildLimits, ChildPictureMaker};
use tokio::sync::oneshot;

use crate::png;
use crate::support::{CHILD, fixture, make, maker, misbehaving, refusal, stream_of, word};

const KILOBYTE: usize = 1024;

fn bombs() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let mut claims = fixture("polyglot.jpg");
    let frame = claims
        .windows(2)
        .position(|pair| pair == [0xff, 0xc0])
        .expect("a frame");
    claims[frame + 5..frame + 9].copy_from_slice(&[0xff; 4]);
    let mut animation = fixture("photo.png");
    animation = png::with(&animation, &[(b"acTL", &[0, 0, 0, 2, 0, 0, 0, 0])], &[]);
    vec![
        ("pixels of a JPEG", claims, "too_many_pixels"),
        (
            "a WebP of 34 bytes",
            fixture("bomb.webp"),
            "too_many_pixels",
        ),
        ("pixels of a PNG", fixture("huge.png"), "too_many_pixels"),
        ("APNG", fixture("animated.png"), "animated"),
        ("a PNG that calls itself animated", animation, "animated"),
        ("moving WebP", fixture("animated.webp"), "animated"),
        (
            "a GIF that is JavaScript",
            b"GIF89a/*\x01\0*/=1;alert(1)//".to_vec(),
            "unsupported",
        ),
        (
            "a page",
            b"<!doctype html><script>alert(1)</script>".to_vec(),
            "unsupported",
        ),
        (
            "a drawing with a script",
            b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>".to_vec(),
            "unsupported",
        ),
        ("a JPEG that was cut", fixture("truncated.jpg"), "truncated"),
    ]
}

#[tokio::test]
async fn every_bomb_is_refused_while_others_get_their_picture() {
    // One pool for all: a bomb that held its place, or took the pool along, would show.
    let (maker, photo) = (maker(), fixture("photo.webp"));
    let wanted = make(&photo, Purpose::Avatar).await;
    let bombs = bombs();
    let thrown = join_all(
        bombs
            .iter()
            .map(|(_, file, _)| maker.make(stream_of(file), Purpose::PostHeader)),
    );
    let asked = join_all((0..6).map(|_| maker.make(stream_of(&photo), Purpose::Avatar)));
    let (thrown, made) = tokio::join!(thrown, asked);
    for ((what, _, reason), outcome) in bombs.iter().zip(thrown) {
        assert_eq!(word(outcome), *reason, "{what}");
    }
    for outcome in made {
        assert_eq!(outcome.expect("a picture"), wanted);
    }
}

#[tokio::test]
async fn what_inflates_without_end_stays_small() {
    // Rows that nobody asked for are never inflated, texts and profiles up to a limit.
    let small = ChildLimits {
        caps: Caps {
            memory_bytes: 96 * 1024 * 1024,
            ..ChildLimits::default().caps
        },
        ..ChildLimits::default()
    };
    for name in ["bomb-rows.png", "bomb-chunks.png"] {
        let outcome = misbehaving(&[], small)
            .make(stream_of(&fixture(name)), Purpose::Avatar)
            .await;
        let made = outcome.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!((made.width, made.height), (16, 16), "{name}");
    }
}

#[tokio::test]
async fn a_photo_that_was_cut_at_any_kilobyte_is_refused() {
    let maker = maker();
    let photo = fixture("photo.jpg");
    let cuts: Vec<usize> = (0..photo.len()).step_by(KILOBYTE).collect();
    assert!(cuts.len() > 50);
    let outcomes = stream::iter(&cuts)
        .map(|cut| maker.make(stream_of(&photo[..*cut]), Purpose::Avatar))
        .buffered(2)
        .collect::<Vec<_>>()
        .await;
    for (cut, outcome) in cuts.into_iter().zip(outcomes) {
        let word = word(outcome);
        let wanted: &[&str] = match cut {
            0 => &["unsupported"],
            _ => &["truncated", "broken"],
        };
        assert!(wanted.contains(&word.as_str()), "{cut}: {word}");
    }
}

#[tokio::test]
async fn other_kinds_that_were_cut_are_refused() {
    for name in ["photo.png", "photo.webp"] {
        let file = fixture(name);
        for cut in (KILOBYTE..file.len()).step_by(KILOBYTE) {
            let word = refusal(&file[..cut]).await;
            assert!(
                ["truncated", "broken"].contains(&word.as_str()),
                "{name} {cut}: {word}"
            );
        }
    }
}

#[tokio::test]
async fn polyglots_become_plain_pictures() {
    let page = b"<html><body onload=alert(1)>polyglot-tail</body></html>";
    let zip = b"PK\x03\x04\x14\0\0\0\0\0polyglot-tail";
    let png = png::with(
        &fixture("unsafe.png"),
        &[(b"tEXt", &[&b"Comment\0"[..], page].concat())],
        &[],
    );
    for (what, file) in [
        ("a page behind a JPEG", fixture("polyglot.jpg")),
        (
            "a page in and an archive behind a PNG",
            [png.as_slice(), zip].concat(),
        ),
        (
            "an archive behind a WebP",
            [fixture("photo.webp").as_slice(), zip].concat(),
        ),
    ] {
        let made = make(&file, Purpose::PostHeader).await;
        for output in [&made.webp, &made.preview] {
            for trace in [&b"polyglot-tail"[..], b"<html", b"<script", b"PK\x03\x04"] {
                assert!(
                    !output.windows(trace.len()).any(|part| part == trace),
                    "{what}"
                );
            }
        }
    }
}

/// The children of ours that were started with this cap of memory. Waits until there are so many.
async fn children_with(memory_bytes: u64, count: usize) -> Vec<Pid> {
    let token = memory_bytes.to_string();
    let found = async {
        loop {
            let pids: Vec<Pid> = fs::read_dir("/proc")
                .into_iter()
                .flatten()
                .flatten()
                .filter_map(|entry| {
                    let line = fs::read(entry.path().join("cmdline")).ok()?;
                    let mut args = line.split(|byte| *byte == 0);
                    args.any(|arg| arg == token.as_bytes()).then_some(())?;
                    Pid::from_raw(entry.file_name().to_str()?.parse().ok()?)
                })
                .collect();
            if pids.len() >= count {
                return pids;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), found)
        .await
        .expect("children")
}

#[tokio::test]
async fn a_child_that_dies_takes_no_other_picture_along() {
    let memory_bytes = 512 * 1024 * 1024 + u64::from(std::process::id()) * 4096;
    let limits = ChildLimits {
        caps: Caps {
            memory_bytes,
            ..ChildLimits::default().caps
        },
        ..ChildLimits::default()
    };
    let none: [&str; 0] = [];
    let maker = ChildPictureMaker::new(CHILD, none, limits, 3);
    let photo = fixture("photo.webp");
    let (died, is_dead) = oneshot::channel();
    // Its first bytes and no more, so that it waits until it is ended.
    let first: ByteStream = Box::pin(stream_of(&photo[..KILOBYTE]).chain(stream::pending()));
    let dying = async {
        let outcome = maker.make(first, Purpose::Avatar).await;
        died.send(()).expect("somebody waits for it");
        outcome
    };
    // Half-way when the other one dies; it gets the rest only then.
    let rest = photo[KILOBYTE..].to_vec();
    let rest = stream::once(async move {
        is_dead.await.expect("told");
        Ok(Bytes::from(rest))
    });
    let half: ByteStream = Box::pin(stream_of(&photo[..KILOBYTE]).chain(rest));
    let others = async {
        let pid = children_with(memory_bytes, 1).await[0];
        let killing = async {
            children_with(memory_bytes, 2).await;
            let before = maker.make(stream_of(&photo), Purpose::Avatar).await;
            kill_process(pid, Signal::ABORT).expect("it lives");
            before
        };
        let (during, before) = tokio::join!(maker.make(half, Purpose::Avatar), killing);
        let after = maker.make(stream_of(&photo), Purpose::Avatar).await;
        [before, during, after].map(|made| made.expect("a picture"))
    };
    let (died, [before, during, after]) = tokio::join!(dying, others);
    assert_eq!(word(died), "crashed");
    assert_eq!(before, during, "was in the making when it died");
    assert_eq!(before, after, "made behind it");
}
