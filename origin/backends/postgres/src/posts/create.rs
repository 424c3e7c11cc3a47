use sluicegate_core::answer::StoredAnswer;
use sluicegate_core::job::NewJob;
use sluicegate_core::ports::{CreatePostError, Once};
use sluicegate_core::post::{NewPost, Post};
use sqlx::PgExecutor;

use super::row::{PostRow, post_query};
use crate::answers;
use crate::columns::int;
use crate::pool::Pool;

/// Post, job and the answer to the request in one transaction; nothing of them if the request was made before.
pub(super) async fn create_once(
    pool: &Pool,
    post: &NewPost,
    job: &NewJob,
    once: &Once<'_>,
) -> sqlx::Result<Result<StoredAnswer, CreatePostError>> {
    let mut transaction = pool.begin().await?;
    let begun = match answers::begin(&mut transaction, once.name).await? {
        Some(repeat) => Err(CreatePostError::Repeated(repeat)),
        None => match create(&mut *transaction, post, job).await? {
            Some(post) => Ok(post),
            None => Err(CreatePostError::UnsuitableUpload),
        },
    };
    let post = match begun {
        Ok(post) => post,
        Err(refused) => {
            // Waited for: who was refused and asks anew at once must not be told that the first request still runs.
            transaction.rollback().await?;
            return Ok(Err(refused));
        }
    };
    let answer = (once.answer)(post);
    answers::keep(&mut transaction, once.name, &answer).await?;
    transaction.commit().await?;
    Ok(Ok(answer))
}

/// Post and job in one statement; nothing if the upload cannot be used. The lock makes this and a
/// removal of the picture take turns: the one that comes second sees what the first did. A picture that was loose is so
/// no longer.
pub(super) async fn create(
    executor: impl PgExecutor<'_>,
    post: &NewPost,
    job: &NewJob,
) -> sqlx::Result<Option<Post>> {
    post_query!(
        "usable as materialized (
            select id from uploads
            where id = $6 and owner_id = $2 and purpose = 'post_header'
                and state in ('received', 'processing', 'ready') and moderation <> 'removed'
            for no key update
        ), kept as (
            update uploads set loose_at = null
            from usable where uploads.id = usable.id and loose_at is not null
        ), p as (
            insert into posts (id, author_id, body, fingerprint, created_at, header_upload_id)
            select $1, $2, $3, $4, $5, usable.id
            from (select) one left join usable on true
            where $6::uuid is null or usable.id is not null
            returning *
        ), j as (
            insert into jobs (id, queue, name, payload, owner_id, priority, dedup_key, run_at,
                max_attempts, traceparent, created_at)
            select $7, $8, $9, $10, $11, $16, $17, $12, $13, $14, $15 from p
            on conflict (queue, dedup_key)
                where dedup_key is not null and state in ('ready', 'running', 'relayed')
                do nothing
        )",
        post.id.0,
        post.author.0,
        post.body,
        post.fingerprint.as_slice(),
        post.created_at.into_inner(),
        post.header.map(|upload| upload.0),
        job.id.0,
        job.queue,
        job.name,
        job.payload,
        job.owner.0,
        job.run_at.into_inner(),
        int(job.max_attempts)?,
        job.traceparent,
        job.created_at.into_inner(),
        job.priority.number(),
        job.dedup_key,
    )
    .fetch_optional(executor)
    .await?
    .map(PostRow::read)
    .transpose()
}
