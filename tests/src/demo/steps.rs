//! The steps, each with what must come out.

use std::time::Duration;

use anyhow::{Result, ensure};
use reqwest::Method;
use serde_json::json;
use sluicegate_contract::ids::UploadId;
use sluicegate_contract::limits;
use sluicegate_contract::posts::Post;
use sluicegate_contract::uploads::{Moderation, Upload, UploadState};

use super::report::Report;
use crate::client::Client;
use crate::fixtures;
use crate::platform::Platform;
use crate::wait::wait_for;

/// Who takes part.
pub struct People {
    /// Sends what is right.
    pub ada: Client,
    /// Sends the rest.
    pub ben: Client,
}

pub async fn register(platform: &Platform) -> Result<People> {
    let stranger = platform.client()?;
    let (ada, _) = stranger.sign_up("ada").await?;
    let (ben, _) = stranger.sign_up("ben").await?;
    Ok(People { ada, ben })
}

pub async fn avatar(report: &mut Report, ada: &Client) -> Result<()> {
    let photo = fixtures::read("photo.jpg")?;
    let upload = report
        .step("send a photo as avatar", ada.upload_ok("avatar", photo))
        .await?;
    report
        .step(
            "set it, and see it in the profile",
            set_avatar(ada, upload.id),
        )
        .await?;
    let upload = report
        .step("wait for its verdict", ada.wait_for_verdict(upload.id))
        .await?;
    report.stages(&upload);
    ensure!(
        upload.moderation == Moderation::Passed,
        "passed expected: {upload:?}"
    );
    report
        .step("look at it: WebP, 400 x 400", see(ada, &upload, (400, 400)))
        .await
}

async fn set_avatar(client: &Client, upload: UploadId) -> Result<()> {
    let body = json!({"upload_id": upload});
    client
        .send(Method::PUT, "/v1/me/avatar", &body)
        .await?
        .expect_status(200)?;
    let me = client.me().await?;
    let shown = me.profile.avatar.map(|picture| picture.key.0);
    ensure!(shown == Some(upload), "the profile shows {shown:?}");
    Ok(())
}

async fn see(client: &Client, upload: &Upload, size: (u32, u32)) -> Result<()> {
    let answer = client.get(&upload.url).await?;
    answer.expect_status(200)?;
    ensure!(
        answer.header("content-type") == "image/webp",
        "{:?}",
        answer.headers
    );
    let picture = image::load_from_memory(&answer.body)?;
    ensure!(
        (picture.width(), picture.height()) == size,
        "{}x{}",
        picture.width(),
        picture.height()
    );
    ensure!(
        (upload.width, upload.height) == (Some(size.0), Some(size.1)),
        "{upload:?}"
    );
    ensure!(upload.blurhash.is_some(), "no blurhash: {upload:?}");
    Ok(())
}

pub async fn post_header(report: &mut Report, ada: &Client) -> Result<UploadId> {
    let photo = fixtures::read("photo.jpg")?;
    let work = ada.upload_ok("post_header", photo);
    let upload = report.step("send the photo for a post", work).await?;
    let upload = report
        .step("wait for its verdict", ada.wait_for_verdict(upload.id))
        .await?;
    report.stages(&upload);
    ensure!(
        upload.moderation == Moderation::Passed,
        "passed expected: {upload:?}"
    );
    Ok(upload.id)
}

pub async fn wrong_name(report: &mut Report, ben: &Client) -> Result<()> {
    let file = fixtures::read("png-named.jpg")?;
    let work = ben.upload_ok("avatar", file);
    let upload = report.step("send a PNG that is named .jpg", work).await?;
    let upload = report
        .step("wait until it is ready", ben.wait_until_ready(upload.id))
        .await?;
    report.stages(&upload);
    Ok(())
}

pub async fn text_named_jpg(ben: &Client) -> Result<()> {
    let file = fixtures::read("text-named.jpg")?;
    let answer = ben.upload("avatar", file).await?;
    answer
        .expect_problem(415, "unsupported-media-type")
        .map(drop)
}

pub async fn over_the_limit(ben: &Client) -> Result<()> {
    let size = usize::try_from(limits::PICTURE_BYTES)? + 1;
    let problem = ben
        .upload("avatar", vec![0xff; size])
        .await?
        .expect_problem(413, "too-large")?;
    ensure!(
        problem.members.get("limit") == Some(&json!(limits::PICTURE_BYTES)),
        "{problem:?}"
    );
    Ok(())
}

/// What a file lacks at its end nobody sees before it is read whole: it is taken, and then rejected.
pub async fn truncated(ben: &Client) -> Result<()> {
    let upload = ben
        .upload_ok("avatar", fixtures::read("truncated.jpg")?)
        .await?;
    let over = |upload: &Upload| upload.status == UploadState::Rejected;
    let upload = ben.wait_for_upload(upload.id, "rejected", over).await?;
    ensure!(
        upload.reason.as_deref() == Some("truncated"),
        "truncated expected: {upload:?}"
    );
    ben.get(&upload.url)
        .await?
        .expect_problem(404, "not-found")
        .map(drop)
}

pub async fn good_post(ada: &Client, header: UploadId) -> Result<()> {
    let post: Post = ada
        .post("The sluice is open. Look!", Some(header))
        .await?
        .expect(201)?;
    let shown = post.header.as_ref().map(|picture| picture.key.0);
    ensure!(shown == Some(header), "the post shows {shown:?}");
    wait_for("the post to pass", Duration::from_mins(1), async || {
        let posts = ada.newest_posts().await?;
        let found = posts.into_iter().find(|other| other.id == post.id);
        Ok(found.filter(|post| post.moderation == Moderation::Passed))
    })
    .await
    .map(drop)
}

pub async fn bad_post(ben: &Client) -> Result<()> {
    let links = "https://example.com/buy ".repeat(30);
    let post: Post = ben.post(&links, None).await?.expect(201)?;
    let path = format!("/v1/posts/{}", post.id);
    wait_for("the post to go", Duration::from_mins(1), async || {
        Ok((ben.get(&path).await?.status == 404).then_some(()))
    })
    .await?;
    let listed = ben
        .newest_posts()
        .await?
        .iter()
        .any(|other| other.id == post.id);
    ensure!(!listed, "a removed post is listed");
    Ok(())
}

pub async fn unsafe_avatar(report: &mut Report, ben: &Client) -> Result<()> {
    let file = fixtures::read("unsafe.png")?;
    let upload = report
        .step("send it as avatar", ben.upload_ok("avatar", file))
        .await?;
    report
        .step("set it before it is judged", set_early(ben, upload.id))
        .await?;
    let upload = report
        .step("wait for its verdict", ben.wait_for_verdict(upload.id))
        .await?;
    report.stages(&upload);
    ensure!(
        upload.moderation == Moderation::Removed,
        "removed expected: {upload:?}"
    );
    report
        .step(
            "it is gone, and so is the profile's key",
            gone(ben, &upload),
        )
        .await
}

/// The detector may have been faster than the next request; then the API must refuse.
async fn set_early(client: &Client, upload: UploadId) -> Result<()> {
    let body = json!({"upload_id": upload});
    let answer = client.send(Method::PUT, "/v1/me/avatar", &body).await?;
    if answer.status != 200 {
        answer.expect_problem(422, "unsuitable-upload")?;
    }
    Ok(())
}

async fn gone(ben: &Client, upload: &Upload) -> Result<()> {
    ensure!(
        upload.reason.as_deref() == Some("unsafe"),
        "unsafe expected: {upload:?}"
    );
    let me = ben.me().await?;
    ensure!(
        me.profile.avatar.is_none(),
        "the profile still shows {:?}",
        me.profile.avatar
    );
    // An edge may hold a grant for 30 s, but the store no longer has the object.
    let answer = ben.get(&upload.url).await?;
    answer.expect_problem(404, "not-found")?;
    Ok(())
}
