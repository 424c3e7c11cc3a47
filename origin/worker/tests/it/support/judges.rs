#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use sluicegate_core::error::PortError;
use sluicegate_core::moderation::{Finding, Judgement};
use sluicegate_core::ports::{Detector, TextModel};

/// What a judge says of everything.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Mood {
    Safe,
    Unsafe,
    Down,
    Broken,
    Absent,
}

fn judged(mood: Mood) -> Result<Judgement, PortError> {
    let finding = Finding {
        confidence: 0.75,
        reason: "a mood".to_owned(),
        scores: serde_json::json!({"mood": 1}),
    };
    match mood {
        Mood::Safe => Ok(Judgement::Safe(finding)),
        Mood::Unsafe => Ok(Judgement::Unsafe(finding)),
        Mood::Down => Err(PortError::unavailable("judge", "nobody there")),
        Mood::Broken => Err(PortError::failed("judge", "said nonsense")),
        Mood::Absent => Ok(Judgement::Unjudged),
    }
}

pub(crate) struct MoodyDetector {
    mood: Mutex<Mood>,
    asked: AtomicUsize,
}

impl MoodyDetector {
    pub(crate) fn new() -> Self {
        Self {
            mood: Mutex::new(Mood::Safe),
            asked: AtomicUsize::new(0),
        }
    }

    pub(crate) fn set(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Detector for MoodyDetector {
    fn name(&self) -> &'static str {
        "moody"
    }

    async fn classify(&self, jpeg: Bytes) -> Result<Judgement, PortError> {
        assert!(jpeg.starts_with(b"a preview of "), "{jpeg:?}");
        self.asked.fetch_add(1, Ordering::SeqCst);
        judged(*self.mood.lock().unwrap())
    }

    async fn ping(&self) -> Result<(), PortError> {
        Ok(())
    }
}

pub(crate) struct MoodyModel(Mutex<Mood>);

impl MoodyModel {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Mood::Safe))
    }

    pub(crate) fn set(&self, mood: Mood) {
        *self.0.lock().unwrap() = mood;
    }
}

#[async_trait]
impl TextModel for MoodyModel {
    fn name(&self) -> &'static str {
        "moody"
    }

    async fn judge(&self, _: &str) -> Result<Judgement, PortError> {
        judged(*self.0.lock().unwrap())
    }

    async fn ping(&self) -> Result<(), PortError> {
        Ok(())
    }
}
