//! A worker that is killed in each stage of its jobs, and what the next one makes of it. What passes between the
//! worker and the others says in which stage it is, and is held back there until it is dead.

mod line;

use sluicegate_contract::uploads::{Moderation, UploadState};
use sluicegate_tests::fixtures;
use sluicegate_tests::proxy::Action;

use crate::shared;
use line::{Between, Line, Moment};

/// A stage of the job that makes a picture and has it judged.
struct Stage {
    name: &'static str,
    moment: Moment,
    file: &'static str,
    /// How the upload stands when the worker is dead.
    left: (UploadState, Moderation),
    /// Objects that are there of it then.
    objects: u64,
    /// How often the detector has judged it in the end.
    judged: u64,
}

/// No fixture, but [`fixtures::slow_to_decode`].
const SLOW: &str = "slow";

const READY: (UploadState, Moderation) = (UploadState::Ready, Moderation::Unreviewed);
const PROCESSING: (UploadState, Moderation) = (UploadState::Processing, Moderation::Unreviewed);
const PASSED: (UploadState, Moderation) = (UploadState::Ready, Moderation::Passed);
const REMOVED: (UploadState, Moderation) = (UploadState::Rejected, Moderation::Removed);

const GET_STAGED: &[&str] = &["GET /sluicegate/staging/"];
const PUT_MEDIA: &[&str] = &["PUT /sluicegate/media/"];
const DELETE_STAGED: &[&str] = &["DELETE /sluicegate/staging/"];
const DELETE_MEDIA: &[&str] = &["DELETE /sluicegate/media/"];
const CLASSIFY: &[&str] = &["POST /classify"];
const CHAT: &[&str] = &["POST /api/chat"];
const RECORD: &[&str] = &["insert into moderation_records"];
/// The end of the transaction that holds the verdict.
const COMMIT: &[&str] = &["insert into moderation_records", "COMMIT"];

/// What becomes of the child: `crashes.rs`.
#[tokio::test]
async fn while_the_picture_is_made() {
    let store = |texts, action| Moment {
        between: Between::Store,
        texts,
        action,
    };
    let stages = [
        Stage {
            name: "reads the client's file",
            moment: store(GET_STAGED, Action::Hold),
            file: "photo.jpg",
            left: PROCESSING,
            objects: 1,
            judged: 1,
        },
        Stage {
            name: "has a child decode it",
            moment: Moment {
                between: Between::Child,
                texts: &[],
                action: Action::Pass,
            },
            file: SLOW,
            left: PROCESSING,
            objects: 1,
            judged: 1,
        },
        Stage {
            name: "stores the picture",
            moment: store(PUT_MEDIA, Action::Hold),
            file: "photo.png",
            left: PROCESSING,
            objects: 1,
            judged: 1,
        },
        Stage {
            name: "has stored the picture and not noted it",
            moment: store(PUT_MEDIA, Action::HoldAnswer),
            file: "photo.webp",
            left: PROCESSING,
            objects: 2,
            judged: 1,
        },
        Stage {
            name: "deletes the client's file",
            moment: store(DELETE_STAGED, Action::Hold),
            file: "photo.png",
            left: READY,
            objects: 2,
            judged: 1,
        },
    ];
    all(&stages).await;
}

#[tokio::test]
async fn while_the_picture_is_judged() {
    let moment = |between, texts, action| Moment {
        between,
        texts,
        action,
    };
    let stages = [
        // First: the stages behind it would show a job that is done once more.
        Stage {
            name: "has committed the verdict and does not know",
            moment: moment(Between::Database, COMMIT, Action::HoldAnswer),
            file: "photo.jpg",
            left: PASSED,
            objects: 1,
            judged: 1,
        },
        Stage {
            name: "asks the detector",
            moment: moment(Between::Detector, CLASSIFY, Action::HoldAnswer),
            file: "photo.png",
            left: READY,
            objects: 1,
            judged: 2,
        },
        Stage {
            name: "writes the verdict",
            moment: moment(Between::Database, RECORD, Action::Hold),
            file: "photo.webp",
            left: READY,
            objects: 1,
            judged: 2,
        },
        Stage {
            name: "writes that it is unsafe",
            moment: moment(Between::Database, RECORD, Action::Hold),
            file: "unsafe.png",
            left: READY,
            objects: 1,
            judged: 2,
        },
        Stage {
            name: "deletes an unsafe picture",
            moment: moment(Between::Store, DELETE_MEDIA, Action::Hold),
            file: "unsafe.png",
            left: REMOVED,
            objects: 1,
            judged: 1,
        },
        Stage {
            name: "has deleted an unsafe picture and not settled the job",
            moment: moment(Between::Store, DELETE_MEDIA, Action::HoldAnswer),
            file: "unsafe.png",
            left: REMOVED,
            objects: 0,
            judged: 1,
        },
    ];
    all(&stages).await;
}

/// Redis says who has a job, and its row what has come of it.
#[tokio::test]
async fn while_redis_has_delivered_the_job() {
    let name = "while_redis_has_delivered_the_job";
    let Some(line) = Line::on_redis("delivered_to", name).await else {
        return;
    };
    let moment = |between, texts, action| Moment {
        between,
        texts,
        action,
    };
    let stages = [
        Stage {
            name: "has a child decode what Redis delivered",
            moment: moment(Between::Child, &[], Action::Pass),
            file: SLOW,
            left: PROCESSING,
            objects: 1,
            judged: 1,
        },
        Stage {
            name: "has the detector's answer and has not heard it",
            moment: moment(Between::Detector, CLASSIFY, Action::HoldAnswer),
            file: "photo.png",
            left: READY,
            objects: 1,
            judged: 2,
        },
        Stage {
            name: "has committed the verdict and told nobody",
            moment: moment(Between::Database, COMMIT, Action::HoldAnswer),
            file: "photo.jpg",
            left: PASSED,
            objects: 1,
            judged: 1,
        },
    ];
    each(line, &stages).await;
}

async fn all(stages: &[Stage]) {
    each(Line::start("picture_owner").await, stages).await;
}

async fn each(line: Line, stages: &[Stage]) {
    // What the stages before have left in the store, and asked.
    let (mut kept, mut judged) = (0, 0);
    for (stage, nth) in stages.iter().zip(1..) {
        let name = stage.name;
        let killed = line.worker_at(&stage.moment).await;
        let file = match stage.file {
            SLOW => fixtures::slow_to_decode(),
            file => fixtures::read(file),
        };
        let file = file.unwrap();
        let upload = line.client.upload_ok("post_header", file).await.unwrap();
        killed.in_that_moment(name).await;

        let left = line.client.upload_state(upload.id).await.unwrap();
        assert_eq!((left.status, left.moderation), stage.left, "{name}");
        let audit = line.audit().await;
        let objects = audit.count("objects").unwrap();
        assert_eq!(objects, kept + stage.objects, "{name}: objects");
        assert_eq!(audit.count("missing").unwrap(), 0, "{name}");

        if line.is_on_redis() {
            let took = line.is_delivered_again(name, nth).await;
            shared::measured(&format!(
                "a worker on Redis was killed when it {name}: the next had ended the job {:.0} s after it began",
                took.as_secs_f64()
            ));
        } else if stage.left != PASSED {
            line.next_worker_is_done(name).await;
        }
        let ended = line.client.upload_state(upload.id).await.unwrap();
        let is_unsafe = stage.file == "unsafe.png";
        let wanted = if is_unsafe { REMOVED } else { PASSED };
        assert_eq!((ended.status, ended.moderation), wanted, "{name}");
        let shown = line.client.get(&ended.url).await.unwrap();
        if is_unsafe {
            shown.expect_problem(404, "not-found").unwrap();
        } else {
            kept += 1;
            shown.expect_status(200).unwrap();
            image::load_from_memory(&shown.body).expect(name);
        }
        judged += stage.judged;
        line.is_clean(name, kept).await;
        assert_eq!(line.detector.judged(), judged, "{name}: detector asked");
    }
    line.stop().await;
}

#[tokio::test]
async fn while_a_post_is_judged() {
    let line = Line::start("post_author").await;
    let mut judged = 0;
    for (name, between, texts, action, left, times) in [
        (
            "has committed the verdict and does not know",
            Between::Database,
            COMMIT,
            Action::HoldAnswer,
            Moderation::Passed,
            1,
        ),
        (
            "asks the model",
            Between::TextModel,
            CHAT,
            Action::HoldAnswer,
            Moderation::Unreviewed,
            2,
        ),
        (
            "writes the verdict",
            Between::Database,
            RECORD,
            Action::Hold,
            Moderation::Unreviewed,
            2,
        ),
    ] {
        let moment = Moment {
            between,
            texts,
            action,
        };
        let killed = line.worker_at(&moment).await;
        let text = format!("What happens to a post whose worker {name}?");
        let post = line.write(&text).await;
        killed.in_that_moment(name).await;
        assert_eq!(line.post(&post).await.moderation, left, "{name}");
        if left == Moderation::Unreviewed {
            line.next_worker_is_done(name).await;
        }
        let ended = line.post(&post).await;
        assert_eq!(ended.moderation, Moderation::Passed, "{name}");
        assert_eq!(ended.body, text);
        line.is_clean(name, 0).await;
        judged += times;
        assert_eq!(line.model.judged(), judged, "{name}: model asked");
    }
    line.stop().await;
}
