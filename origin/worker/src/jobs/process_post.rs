//! Checks a post: stage 1 (duplicates, rules), then stage 2 (the language model).

use async_trait::async_trait;
use serde_json::{Value, json};
use sluicegate_contract::uploads::Moderation;
use sluicegate_core::job::{LeasedJob, POST_JOB, POST_QUEUE, ProcessPost};
use sluicegate_core::moderation::{Finding, Judgement, Outcome as Verdict, Record, Subject};
use sluicegate_core::post::Post;
use sluicegate_core::public::Change;
use sluicegate_core::text::{StageOneHit, stage_one};

use super::payload;
use crate::context::WorkerContext;
use crate::job::Job;
use crate::outcome::{JobError, Outcome};

const STAGE_1: &str = "stage1";
const STAGE_2: &str = "stage2";
const NO_MODEL: &str = "stage 1 only: no text model is configured";

pub(crate) struct ProcessPostJob {
    context: WorkerContext,
}

/// How the check came out, and who says so.
struct Judged {
    outcome: Verdict,
    stage: &'static str,
    source: String,
    finding: Finding,
}

impl ProcessPostJob {
    pub(crate) fn new(context: WorkerContext) -> Self {
        Self { context }
    }

    async fn check(&self, post: &Post) -> Result<Judged, JobError> {
        let hit = stage_one(
            &self.context.policy,
            &*self.context.posts,
            post.author.id,
            &post.body,
            post.created_at,
            Some(post.id),
        )
        .await?;
        if let Some(hit) = hit {
            return Ok(refused(&hit));
        }
        let model = &self.context.text_model;
        let (outcome, finding) = match model.judge(&post.body).await? {
            Judgement::Unjudged => return Ok(passed_by_rules_alone()),
            Judgement::Safe(finding) => (Verdict::Passed, finding),
            Judgement::Unsafe(finding) => (Verdict::Removed, finding),
        };
        Ok(Judged {
            outcome,
            stage: STAGE_2,
            source: model.name().to_owned(),
            finding,
        })
    }

    fn record(&self, post: &Post, judged: Judged) -> Record {
        Record {
            id: self.context.env.new_id(),
            subject: Subject::Post(post.id),
            owner: post.author.id,
            source: judged.source,
            stage: judged.stage.to_owned(),
            outcome: judged.outcome,
            reason: judged.finding.reason,
            confidence: judged.finding.confidence,
            scores: judged.finding.scores,
            created_at: self.context.env.now(),
        }
    }
}

#[async_trait]
impl Job for ProcessPostJob {
    fn queue(&self) -> &'static str {
        POST_QUEUE
    }

    fn name(&self) -> &'static str {
        POST_JOB
    }

    async fn run(&self, job: &LeasedJob) -> Result<Outcome, JobError> {
        let id = match payload::<ProcessPost>(job) {
            Ok(payload) => payload.post_id,
            Err(failed) => return Ok(failed),
        };
        let Some(post) = self.context.posts.post(id).await? else {
            // Deleted by its author, or removed by an earlier attempt.
            return Ok(Outcome::Done);
        };
        if post.moderation != Moderation::Unreviewed {
            return Ok(Outcome::Done);
        }
        let judged = self.check(&post).await?;
        let record = self.record(&post, judged);
        let now = self.context.env.now();
        let applying = self
            .context
            .posts
            .apply_verdict(id, &record, Some(&job.lease), now);
        let applied = applying.await;
        // Whatever came of it: it may be committed though nobody was told.
        self.context.forget(Change::Post(id)).await;
        applied?;
        self.context.observer.verdict(&record);
        Ok(Outcome::Settled)
    }
}

fn refused(hit: &StageOneHit) -> Judged {
    let scores = match hit {
        StageOneHit::Duplicate { of } => json!({"duplicate_of": of}),
        StageOneHit::Rule(hit) => json!({"rule": hit.rule}),
    };
    Judged {
        outcome: Verdict::Removed,
        stage: STAGE_1,
        source: hit.source().to_owned(),
        finding: Finding {
            confidence: 1.0,
            reason: hit.reason().to_owned(),
            scores,
        },
    }
}

/// Rules find what they name and nothing else, so they are not sure of anything that passes.
fn passed_by_rules_alone() -> Judged {
    Judged {
        outcome: Verdict::Passed,
        stage: STAGE_1,
        source: "rules".to_owned(),
        finding: Finding {
            confidence: 0.0,
            reason: NO_MODEL.to_owned(),
            scores: Value::Null,
        },
    }
}
