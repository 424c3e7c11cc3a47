//! The API as a client uses it.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use reqwest::{Method, Response, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sluicegate_contract::accounts::{Account, Profile, Session};
use sluicegate_contract::ids::UploadId;
use sluicegate_contract::page::Page;
use sluicegate_contract::posts::Post;
use sluicegate_contract::problem::Problem;
use sluicegate_contract::uploads::{Moderation, Upload, UploadState};

use crate::secrets;
use crate::wait::wait_for;

/// Long enough for a queue, a lock of a worker that was killed, a child and a slow machine; never reached where all is well.
const SETTLE_LIMIT: Duration = Duration::from_mins(2);

/// The password of all accounts that [`Client::sign_up`] makes.
pub const PASSWORD: &str = "correct horse battery";

/// An answer, read whole.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: reqwest::header::HeaderMap,
    /// Its body.
    pub body: Vec<u8>,
}

impl Answer {
    /// Reads an answer to its end.
    pub async fn read(response: Response) -> Result<Self> {
        let (status, headers) = (response.status(), response.headers().clone());
        let answer = Self {
            status,
            headers,
            body: response.bytes().await?.to_vec(),
        };
        if answer.header("content-type").contains("json")
            && let Ok(value) = answer.json()
        {
            // Tokens that it gives are in no log from now on.
            secrets::register_json(&value);
        }
        Ok(answer)
    }

    /// The body as JSON of that type.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(&self.body).with_context(|| format!("unexpected: {}", self.text()))
    }

    /// The body as text; of a picture only its size.
    pub fn text(&self) -> String {
        match std::str::from_utf8(&self.body) {
            Ok(text) => text.to_owned(),
            Err(_) => format!("{} bytes that are not text", self.body.len()),
        }
    }

    /// A header, or nothing.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// The body if the status is as expected.
    pub fn expect<T: DeserializeOwned>(&self, status: u16) -> Result<T> {
        self.expect_status(status)?;
        self.json()
    }

    /// Fails if the status is another.
    pub fn expect_status(&self, status: u16) -> Result<()> {
        ensure!(
            self.status == status,
            "{status} expected, not {}: {}",
            self.status,
            self.text()
        );
        Ok(())
    }

    /// The problem if the answer is one of that status and type, as RFC 9457 wants it.
    pub fn expect_problem(&self, status: u16, slug: &str) -> Result<Problem> {
        let problem: Problem = self.expect(status)?;
        ensure!(
            self.header("content-type")
                .starts_with("application/problem+json"),
            "not a problem by its content type: {}",
            self.header("content-type")
        );
        ensure!(
            problem.kind == format!("/problems/{slug}"),
            "{slug} expected: {problem:?}"
        );
        ensure!(
            problem.status == status && problem.instance.is_some(),
            "incomplete: {problem:?}"
        );
        Ok(problem)
    }
}

/// Somebody who uses the platform through one address.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    /// Sent as bearer token if there is one.
    pub token: Option<String>,
}

impl Client {
    /// A stranger.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place of this crate that builds a client"
    )]
    pub fn new(base: &str) -> Result<Self> {
        // Fails where it was installed before, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .timeout(Duration::from_mins(2))
            .build()?;
        Ok(Self {
            http,
            base: base.to_owned(),
            token: None,
        })
    }

    /// The same person at another address.
    #[must_use]
    pub fn at(&self, base: &str) -> Self {
        Self {
            base: base.to_owned(),
            ..self.clone()
        }
    }

    /// The same connection with another token, or none.
    #[must_use]
    pub fn with_token(&self, token: Option<&str>) -> Self {
        if let Some(token) = token {
            secrets::register(token);
        }
        Self {
            token: token.map(str::to_owned),
            ..self.clone()
        }
    }

    /// A request to be filled in.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Result<Answer> {
        Answer::read(self.request(Method::GET, path).send().await?).await
    }

    /// Any method with a JSON body.
    pub async fn send(&self, method: Method, path: &str, body: &Value) -> Result<Answer> {
        secrets::register_json(body);
        Answer::read(self.request(method, path).json(body).send().await?).await
    }

    /// Any method without a body.
    pub async fn call(&self, method: Method, path: &str) -> Result<Answer> {
        Answer::read(self.request(method, path).send().await?).await
    }

    /// A new account, and a client with its token.
    pub async fn sign_up(&self, handle: &str) -> Result<(Self, Session)> {
        let body = json!({"handle": handle, "password": PASSWORD});
        let session: Session = self
            .send(Method::POST, "/v1/accounts", &body)
            .await?
            .expect(201)?;
        Ok((self.with_token(Some(&session.access_token)), session))
    }

    /// Sends a file.
    pub async fn upload(&self, purpose: &str, file: Vec<u8>) -> Result<Answer> {
        let path = format!("/v1/uploads?purpose={purpose}");
        let request = self
            .request(Method::POST, &path)
            .header("content-type", "application/octet-stream")
            .body(file);
        Answer::read(request.send().await?).await
    }

    /// Sends a file under a name by which it may be repeated.
    pub async fn upload_as(&self, key: &str, file: Vec<u8>) -> Result<Answer> {
        let request = self
            .request(Method::POST, "/v1/uploads?purpose=avatar")
            .header("content-type", "application/octet-stream")
            .header("idempotency-key", key)
            .body(file);
        Answer::read(request.send().await?).await
    }

    /// Sends a file that must be taken.
    pub async fn upload_ok(&self, purpose: &str, file: Vec<u8>) -> Result<Upload> {
        self.upload(purpose, file).await?.expect(201)
    }

    /// How an upload stands.
    pub async fn upload_state(&self, id: UploadId) -> Result<Upload> {
        self.get(&format!("/v1/uploads/{id}")).await?.expect(200)
    }

    /// Waits until an upload is in a state that `wanted` accepts.
    pub async fn wait_for_upload(
        &self,
        id: UploadId,
        what: &str,
        wanted: impl Fn(&Upload) -> bool,
    ) -> Result<Upload> {
        wait_for(
            format!("upload {id} to be {what}"),
            SETTLE_LIMIT,
            async || {
                let upload = self.upload_state(id).await?;
                Ok(wanted(&upload).then_some(upload))
            },
        )
        .await
    }

    /// Waits until the picture of an upload is made.
    pub async fn wait_until_ready(&self, id: UploadId) -> Result<Upload> {
        self.wait_for_upload(id, "ready", |upload| upload.status == UploadState::Ready)
            .await
    }

    /// Waits for a verdict on an upload.
    pub async fn wait_for_verdict(&self, id: UploadId) -> Result<Upload> {
        let judged = |upload: &Upload| upload.moderation != Moderation::Unreviewed;
        self.wait_for_upload(id, "judged", judged).await
    }

    /// The own account.
    pub async fn me(&self) -> Result<Account> {
        self.get("/v1/me").await?.expect(200)
    }

    /// Somebody's profile.
    pub async fn profile(&self, handle: &str) -> Result<Profile> {
        self.get(&format!("/v1/profiles/{handle}"))
            .await?
            .expect(200)
    }

    /// Writes a post.
    pub async fn post(&self, body: &str, header: Option<UploadId>) -> Result<Answer> {
        let mut request = json!({"body": body});
        if let (Some(id), Some(members)) = (header, request.as_object_mut()) {
            members.insert("header_upload_id".to_owned(), json!(id));
        }
        self.send(Method::POST, "/v1/posts", &request).await
    }

    /// The newest posts.
    pub async fn newest_posts(&self) -> Result<Vec<Post>> {
        let page: Page<Post> = self.get("/v1/posts?limit=100").await?.expect(200)?;
        Ok(page.items)
    }
}
