use std::time::Duration;

use sluicegate_conformance::stores::{
    ETAG, Stores, at, image_job, new_post, new_upload, open_tickets, post_job, record,
};
use sluicegate_conformance::testdb::TestDatabase;
use sluicegate_contract::uploads::{Purpose, UploadState};
use sluicegate_core::account::PictureSlot;
use sluicegate_core::moderation::{Outcome, Subject};
use sluicegate_core::ports::{CreatePostError, ImageVerdict, SetPictureError};
use sqlx::PgPool;
use tokio::task::JoinSet;

use crate::conformance::stores;

/// Makes every insert into `jobs` fail, as a crash between two statements would.
async fn break_jobs(pool: &PgPool) {
    sqlx::raw_sql("alter table jobs add constraint broken check (attempt < 0) not valid")
        .execute(pool)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_upload_nor_post_changes_without_its_job() {
    let database = TestDatabase::new().await;
    let stores = stores(&database);
    let owner = stores.account().await;
    let ticket = stores.ticket(owner.id, Purpose::Avatar).await;
    let pool = PgPool::connect(database.url()).await.unwrap();
    break_jobs(&pool).await;

    let job = image_job(&ticket);
    stores
        .uploads
        .complete(ticket.id, ETAG, &job, at(1))
        .await
        .unwrap_err();
    assert_eq!(stores.upload(ticket.id).await, ticket);

    let post = new_post(owner.id, "Hello", None);
    let failed = stores
        .posts
        .create(&post, &post_job(&post))
        .await
        .unwrap_err();
    assert!(matches!(failed, CreatePostError::Port(_)), "{failed}");
    assert_eq!(stores.posts.post(post.id).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removal_that_fails_half_way_changes_nothing() {
    let database = TestDatabase::new().await;
    let stores = stores(&database);
    let owner = stores.account().await;
    let upload = stores.ready(owner.id, Purpose::Avatar).await;
    stores
        .accounts
        .set_picture(owner.id, PictureSlot::Avatar, upload.id)
        .await
        .unwrap();
    let pool = PgPool::connect(database.url()).await.unwrap();
    sqlx::raw_sql(
        "alter table accounts add constraint broken check (avatar_upload_id is not null)",
    )
    .execute(&pool)
    .await
    .unwrap();
    let removed = record(Subject::Upload(upload.id), owner.id, Outcome::Removed);
    let verdict = ImageVerdict::Removed(removed);
    stores
        .uploads
        .apply_verdict(upload.id, &verdict, None, at(5))
        .await
        .unwrap_err();
    assert_eq!(stores.upload(upload.id).await, upload);
    assert!(stores.uploads.records(upload.id).await.unwrap().is_empty());
}

/// Both would count no open ticket if neither waited for the other.
#[tokio::test(flavor = "multi_thread")]
async fn tickets_of_one_owner_are_counted_one_after_the_other() {
    let database = TestDatabase::new().await;
    let stores = stores(&database);
    let owner = stores.account().await;
    let pool = PgPool::connect(database.url()).await.unwrap();
    let mut first = pool.begin().await.unwrap();
    sqlx::query("select from accounts for no key update")
        .execute(&mut *first)
        .await
        .unwrap();
    let mut asked = JoinSet::new();
    for _ in 0..2 {
        let uploads = stores.uploads.clone();
        let ticket = new_upload(owner.id, Purpose::Avatar);
        let quota = open_tickets(1);
        asked.spawn(async move { uploads.create_ticket(&ticket, &quota).await.is_ok() });
    }
    wait_for_waiters(&pool, 2).await;
    first.commit().await.unwrap();
    let given = asked.join_all().await;
    assert_eq!(given.iter().filter(|given| **given).count(), 1);
}

/// The removal has changed the upload's row and has not committed: whoever wants to show the picture
/// must wait for it and then see it.
#[tokio::test(flavor = "multi_thread")]
async fn a_removal_under_way_is_waited_for() {
    let database = TestDatabase::new().await;
    let stores = stores(&database);
    let owner = stores.account().await;
    let avatar = stores.ready(owner.id, Purpose::Avatar).await;
    let header = stores.ready(owner.id, Purpose::PostHeader).await;
    let pool = PgPool::connect(database.url()).await.unwrap();
    let mut removal = pool.begin().await.unwrap();
    sqlx::query("update uploads set state = 'rejected', moderation = 'removed'")
        .execute(&mut *removal)
        .await
        .unwrap();

    let set = tokio::spawn({
        let stores = stores.clone();
        async move {
            stores
                .accounts
                .set_picture(owner.id, PictureSlot::Avatar, avatar.id)
                .await
        }
    });
    let post = tokio::spawn({
        let stores = stores.clone();
        let post = new_post(owner.id, "With a picture", Some(header.id));
        async move { stores.posts.create(&post, &post_job(&post)).await }
    });
    wait_for_waiters(&pool, 2).await;
    removal.commit().await.unwrap();

    assert!(matches!(
        set.await.unwrap(),
        Err(SetPictureError::Unsuitable)
    ));
    assert!(matches!(
        post.await.unwrap(),
        Err(CreatePostError::UnsuitableUpload)
    ));
}

/// Whoever shows the picture has changed its row's lock and has not committed: the removal must wait,
/// and then clear it.
#[tokio::test(flavor = "multi_thread")]
async fn a_picture_set_during_its_removal_is_cleared() {
    let database = TestDatabase::new().await;
    let stores = stores(&database);
    let owner = stores.account().await;
    let upload = stores.ready(owner.id, Purpose::Avatar).await;
    let pool = PgPool::connect(database.url()).await.unwrap();
    let mut setting = pool.begin().await.unwrap();
    sqlx::query("select from uploads where id = $1 for share")
        .bind(upload.id.0)
        .execute(&mut *setting)
        .await
        .unwrap();
    let removal = tokio::spawn({
        let stores = stores.clone();
        let removed = record(Subject::Upload(upload.id), owner.id, Outcome::Removed);
        let verdict = ImageVerdict::Removed(removed);
        async move {
            stores
                .uploads
                .apply_verdict(upload.id, &verdict, None, at(5))
                .await
        }
    });
    wait_for_waiters(&pool, 1).await;
    sqlx::query("update accounts set avatar_upload_id = $1 where id = $2")
        .bind(upload.id.0)
        .bind(owner.id.0)
        .execute(&mut *setting)
        .await
        .unwrap();
    setting.commit().await.unwrap();
    removal.await.unwrap().unwrap();
    assert_shows_nothing(&stores, owner.id).await;
}

/// Both orders, as they come, many times.
#[tokio::test(flavor = "multi_thread")]
async fn setting_and_removing_at_once_never_leaves_a_removed_picture() {
    let database = TestDatabase::new().await;
    let stores = stores(&database);
    let owner = stores.account().await;
    for _ in 0..30 {
        let upload = stores.ready(owner.id, Purpose::Avatar).await;
        let removed = record(Subject::Upload(upload.id), owner.id, Outcome::Removed);
        let verdict = ImageVerdict::Removed(removed);
        let (set, removal) = tokio::join!(
            stores
                .accounts
                .set_picture(owner.id, PictureSlot::Avatar, upload.id),
            stores
                .uploads
                .apply_verdict(upload.id, &verdict, None, at(5)),
        );
        assert!(
            matches!(set, Ok(_) | Err(SetPictureError::Unsuitable)),
            "{set:?}"
        );
        removal.unwrap();
        assert_eq!(stores.upload(upload.id).await.state, UploadState::Rejected);
        assert_shows_nothing(&stores, owner.id).await;
    }
}

async fn assert_shows_nothing(stores: &Stores, owner: sluicegate_contract::ids::AccountId) {
    let account = stores.accounts.account(owner).await.unwrap().unwrap();
    assert_eq!(account.avatar, None);
}

/// Until so many statements wait for a lock.
async fn wait_for_waiters(pool: &PgPool, expected: i64) {
    let waiting = async {
        loop {
            let waiters: i64 = sqlx::query_scalar(
                "select count(*) from pg_stat_activity
                where datname = current_database() and wait_event_type = 'Lock'",
            )
            .fetch_one(pool)
            .await
            .unwrap();
            if waiters >= expected {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), waiting)
        .await
        .expect("statements that wait");
}
