use std::sync::Mutex;

use async_trait::async_trait;
use bytes::Bytes;
use sluicegate_core::error::PortError;
use sluicegate_core::moderation::{Finding, Judgement};
use sluicegate_core::ports::Detector;

/// What the detector says of everything.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Mood {
    Safe,
    Unsafe,
    Down,
    Panics,
}

pub(crate) struct MoodyDetector(pub(crate) Mutex<Mood>);

impl MoodyDetector {
    pub(crate) fn set(&self, mood: Mood) {
        *self.0.lock().unwrap() = mood;
    }
}

#[async_trait]
impl Detector for MoodyDetector {
    fn name(&self) -> &'static str {
        "moody"
    }

    async fn classify(&self, jpeg: Bytes) -> Result<Judgement, PortError> {
        assert_eq!(jpeg, "a preview");
        let finding = Finding {
            confidence: 0.9,
            reason: "a mood".to_owned(),
            ..Finding::default()
        };
        let mood = *self.0.lock().unwrap();
        match mood {
            Mood::Safe => Ok(Judgement::Safe(finding)),
            Mood::Unsafe => Ok(Judgement::Unsafe(finding)),
            Mood::Panics => panic!("a bug in detector.internal"),
            Mood::Down => Err(PortError::failed(
                "detector",
                "detector.internal said nonsense",
            )),
        }
    }

    async fn ping(&self) -> Result<(), PortError> {
        Ok(())
    }
}
