//! Jobs that somebody put into Redis without a row, as Node producers do.

use bullmq::Job;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sluicegate_contract::time::Timestamp;
use sluicegate_core::job::{
    IMAGE_JOB, IMAGE_QUEUE, MAX_ATTEMPTS, ModerateImage, POST_JOB, POST_QUEUE, ProcessPost,
    foreign_id,
};
use sluicegate_core::ports::ForeignJob;

/// What the job is, if we know such jobs and its payload is right; else why not. Only the original's jobs: ours that delete
/// things are written by ourselves.
pub(crate) fn read(queue: &str, job: &Job, now: Timestamp) -> Result<ForeignJob, String> {
    let (queue, name, owner) = match (queue, job.name()) {
        (IMAGE_QUEUE, IMAGE_JOB) => {
            let payload: ModerateImage = payload(job.data())?;
            (IMAGE_QUEUE, IMAGE_JOB, payload.user_id)
        }
        (POST_QUEUE, POST_JOB) => {
            let payload: ProcessPost = payload(job.data())?;
            (POST_QUEUE, POST_JOB, payload.user_id)
        }
        (_, name) => return Err(format!("no job is called {name:?} here")),
    };
    if holds_nul(job.data()) || job.id().contains('\0') {
        return Err("it holds U+0000, which no row can".to_owned());
    }
    let added = i64::try_from(job.timestamp()).ok();
    Ok(ForeignJob {
        id: foreign_id(queue, job.id(), job.timestamp()),
        relayed_as: job.id().to_owned(),
        queue,
        name,
        payload: job.data().clone(),
        owner,
        max_attempts: job.opts().attempts.unwrap_or(1).clamp(1, MAX_ATTEMPTS),
        created_at: added.and_then(Timestamp::from_unix_ms).unwrap_or(now),
    })
}

fn payload<T: DeserializeOwned>(data: &Value) -> Result<T, String> {
    T::deserialize(data).map_err(|error| format!("the payload is wrong: {error}"))
}

/// Postgres keeps all JSON but that. As deep as parsers let it be.
fn holds_nul(data: &Value) -> bool {
    match data {
        Value::String(text) => text.contains('\0'),
        Value::Array(values) => values.iter().any(holds_nul),
        Value::Object(members) => members
            .iter()
            .any(|(name, value)| name.contains('\0') || holds_nul(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

    fn read_job(queue: &str, name: &str, data: Value) -> Result<ForeignJob, String> {
        let now = Timestamp::from_unix_ms(1_795_521_600_000).unwrap();
        read(queue, &Job::new(name, data, None), now)
    }

    #[test]
    fn the_originals_jobs_are_known() {
        let data = json!({ "postId": ID, "userId": ID, "later": true });
        let job = read_job(POST_QUEUE, POST_JOB, data.clone()).unwrap();
        assert_eq!((job.payload, job.max_attempts), (data, 1));
        assert_eq!(job.owner, ID.parse().unwrap());
        let data =
            json!({ "key": format!("{ID}.webp"), "uploadType": "header_image", "userId": ID });
        assert!(read_job(IMAGE_QUEUE, IMAGE_JOB, data).is_ok());
    }

    #[test]
    fn anything_else_is_refused_and_says_why() {
        let data = json!({ "postId": ID, "userId": ID });
        for (queue, name) in [
            (POST_QUEUE, "delete"),
            ("maintenance", "sweep"),
            (IMAGE_QUEUE, POST_JOB),
        ] {
            let error = read_job(queue, name, data.clone()).unwrap_err();
            assert!(error.contains(name), "{error}");
        }
        for data in [json!({}), json!({ "postId": 1, "userId": ID }), json!(null)] {
            let error = read_job(POST_QUEUE, POST_JOB, data).unwrap_err();
            assert!(error.starts_with("the payload is wrong"), "{error}");
        }
        let more = |more: Value| json!({ "postId": ID, "userId": ID, "more": more });
        for data in [
            more(json!([{ "deep": "a\0b" }])),
            more(json!({ "a\0b": 1 })),
        ] {
            let error = read_job(POST_QUEUE, POST_JOB, data).unwrap_err();
            assert!(error.contains("U+0000"), "{error}");
        }
    }
}
