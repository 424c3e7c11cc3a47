//! What exists on the platform before it is tested, so that not every request is answered with 404.

use anyhow::Result;
use reqwest::Method;
use serde_json::json;
use sluicegate_contract::headers::EDGE_KEY as EDGE_KEY_HEADER;
use sluicegate_contract::posts::Post;
use sluicegate_contract::uploads::Ticket;

use crate::client::{Answer, Client};
use crate::fixtures;
use crate::platform::{EDGE_KEY, Platform};

/// Posts that are written: some of them are deleted by the test.
const POSTS: usize = 12;
/// Uploads that are begun and not completed.
const TICKETS: usize = 8;
/// They end the session or the account, or use up its open tickets.
const APART: [&str; 3] = ["log_out", "delete_account", "create_upload_ticket"];
/// The account whose token the requests carry.
pub const HANDLE: &str = "ada";

/// Names of what exists.
pub struct Things {
    client: Client,
    /// The token of most requests.
    pub token: String,
    /// Operations that would spoil the account for all others, and the token of an account of their own.
    pub apart: Vec<(&'static str, String)>,
    /// Uploads of each purpose, ready: avatar, profile header, post header.
    pub uploads: Vec<String>,
    /// Uploads whose file is not there yet.
    pub tickets: Vec<String>,
    /// Posts.
    pub posts: Vec<String>,
    /// Refresh tokens, each of a session of its own.
    pub refresh_tokens: Vec<String>,
}

impl Things {
    /// Makes them all.
    pub async fn make(platform: &Platform) -> Result<Self> {
        let stranger = platform.client()?;
        let (client, session) = stranger.sign_up(HANDLE).await?;
        let mut apart = Vec::new();
        for operation in APART {
            let (_, session) = stranger.sign_up(operation).await?;
            apart.push((operation, session.access_token));
        }
        let (_, other) = stranger.sign_up("refresher").await?;
        let photo = fixtures::read("photo.jpg")?;
        let mut uploads = Vec::new();
        for purpose in ["avatar", "profile_header", "post_header"] {
            let upload = client.upload_ok(purpose, photo.clone()).await?;
            uploads.push(client.wait_until_ready(upload.id).await?.id);
        }
        let tickets = tickets(platform, &session.access_token).await?;
        let mut posts = Vec::new();
        for number in 0..POSTS {
            let text = format!("post number {number}, about something");
            let post: Post = client
                .post(&text, uploads.last().copied())
                .await?
                .expect(201)?;
            posts.push(post.id.to_string());
        }
        Ok(Self {
            client,
            token: session.access_token,
            apart,
            uploads: uploads.iter().map(ToString::to_string).collect(),
            tickets,
            posts,
            refresh_tokens: vec![other.refresh_token],
        })
    }

    /// Fails if the account does not work any more.
    pub async fn are_still_there(&self) -> Result<()> {
        self.client.me().await?;
        for upload in &self.uploads {
            let path = format!("/media/{upload}.webp");
            self.client
                .call(Method::HEAD, &path)
                .await?
                .expect_status(200)?;
        }
        Ok(())
    }
}

/// Asked of the origin as an edge asks.
async fn tickets(platform: &Platform, token: &str) -> Result<Vec<String>> {
    let origin = platform.origin_client()?.with_token(Some(token));
    let wanted = json!({"purpose": "avatar", "content_length": 1_000});
    let mut tickets = Vec::new();
    for _ in 0..TICKETS {
        let request = origin
            .request(Method::POST, "/edge/v1/upload-tickets")
            .header(EDGE_KEY_HEADER, EDGE_KEY)
            .json(&wanted);
        let ticket: Ticket = Answer::read(request.send().await?).await?.expect(201)?;
        tickets.push(ticket.id.to_string());
    }
    Ok(tickets)
}
