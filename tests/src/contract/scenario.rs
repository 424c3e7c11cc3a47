//! What the recorded clients do: each thing that makes an edge ask the origin, once.

mod more;
mod strict;

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use reqwest::Method;
use serde_json::{Value, json};
use sluicegate_contract::ids::UploadId;

use super::recorder::{Recorder, recorded};
use super::recording::{Exchange, Request, Step};
use crate::client::{Answer, Client, PASSWORD};
use crate::proxy::{Action, Proxy};

/// The content type of forms up to their boundary.
pub(super) const FORM: &str = "multipart/form-data; boundary=";
const BOUNDARY: &str = "recorded-boundary";
/// What is uploaded.
const PHOTO: &str = "photo.png";
/// A picture that exists nowhere.
const NOWHERE: &str = "/media/01890a5d-ac96-774b-bcce-b302099a8057.webp";
/// What the rules of the default policy refuse.
const SPAM: &str = "Buy cheap followers, today only.";

/// The steps so far, and who takes them.
pub(super) struct Scenario<'a> {
    client: Client,
    /// Asks the origin without being recorded.
    behind: Client,
    store: &'a Proxy,
    recorder: &'a Recorder,
    steps: Vec<Step>,
}

impl<'a> Scenario<'a> {
    pub(super) fn new(
        edge_url: &str,
        origin_url: &str,
        store: &'a Proxy,
        recorder: &'a Recorder,
    ) -> Result<Self> {
        Ok(Self {
            client: Client::new(edge_url)?,
            behind: Client::new(origin_url)?,
            store,
            recorder,
            steps: Vec::new(),
        })
    }

    /// Takes all steps.
    pub(super) async fn run(mut self) -> Result<Vec<Step>> {
        let credentials = json!({"handle": "ada", "password": PASSWORD});
        let session = self
            .json("sign up", "POST", "/v1/accounts", &credentials, 201)
            .await?;
        self.json("handle taken", "POST", "/v1/accounts", &credentials, 409)
            .await?;
        let wrong = json!({"handle": "ada", "password": "wrong horse battery"});
        self.json("wrong password", "POST", "/v1/sessions", &wrong, 401)
            .await?;
        self.json(
            "no json",
            "POST",
            "/v1/sessions",
            &json!({"handle": 7}),
            400,
        )
        .await?;
        let refresh = json!({"refresh_token": text(&session, "/refresh_token")?});
        let session = self
            .json("refresh", "POST", "/v1/sessions/refresh", &refresh, 200)
            .await?;
        self.be(&session)?;
        self.call("own account", "GET", "/v1/me", 200).await?;

        self.pictures().await?;
        self.posts().await?;

        self.call("log out", "DELETE", "/v1/sessions/current", 204)
            .await?;
        self.call("session has ended", "GET", "/v1/me", 401).await?;

        self.other_uploads(&credentials).await?;
        self.deletion().await?;
        Ok(self.steps)
    }

    /// Whoever has that session, from now on.
    fn be(&mut self, session: &Value) -> Result<()> {
        let token = text(session, "/access_token")?;
        self.client = self.client.with_token(Some(&token));
        self.behind = self.behind.with_token(Some(&token));
        Ok(())
    }

    async fn pictures(&mut self) -> Result<()> {
        let upload = self.upload("upload", "avatar", 201).await?;
        let id = text(&upload, "/id")?;
        let ready: UploadId = id.parse()?;
        // The worker is no part of what is recorded.
        self.behind.wait_until_ready(ready).await?;
        let media = text(&upload, "/url")?;
        self.call("picture", "GET", &media, 200).await?;
        self.call("no such picture", "GET", NOWHERE, 404).await?;
        self.call("upload state", "GET", &format!("/v1/uploads/{id}"), 200)
            .await?;
        let again = format!("/v1/uploads/{id}/complete");
        self.call("complete again", "POST", &again, 200).await?;
        let avatar = json!({"upload_id": id});
        self.json("set avatar", "PUT", "/v1/me/avatar", &avatar, 200)
            .await?;
        self.json(
            "wrong purpose",
            "PUT",
            "/v1/me/profile-header",
            &avatar,
            422,
        )
        .await?;
        self.call("profile", "GET", "/v1/profiles/ada", 200).await?;

        let mut seen = self.store.on("PUT /", Action::Answer("503 Slow Down"));
        self.upload("store refuses", "avatar", 503).await?;
        seen.try_recv().context("the store was asked")?;
        Ok(())
    }

    async fn posts(&mut self) -> Result<()> {
        let written = json!({"body": "Hello from the other side of the gate."});
        let post = self
            .json("post", "POST", "/v1/posts", &written, 201)
            .await?;
        self.json(
            "refused post",
            "POST",
            "/v1/posts",
            &json!({"body": SPAM}),
            422,
        )
        .await?;
        self.call("posts", "GET", "/v1/posts?limit=5", 200).await?;
        let path = format!("/v1/posts/{}", text(&post, "/id")?);
        self.call("one post", "GET", &path, 200).await?;
        self.call("delete post", "DELETE", &path, 204).await?;
        self.call("no such post", "GET", &path, 404).await?;
        Ok(())
    }

    async fn call(&mut self, name: &str, method: &str, target: &str, status: u16) -> Result<Value> {
        let method: Method = method.parse()?;
        let answer = self.client.call(method.clone(), target).await?;
        let request = self.request(&method, target, None);
        self.keep(name, request, &answer, status)
    }

    async fn json(
        &mut self,
        name: &str,
        method: &str,
        target: &str,
        body: &Value,
        status: u16,
    ) -> Result<Value> {
        let method: Method = method.parse()?;
        let answer = self.client.send(method.clone(), target, body).await?;
        let mut request = self.request(&method, target, Some("application/json"));
        request.json = body.clone();
        self.keep(name, request, &answer, status)
    }

    async fn upload(&mut self, name: &str, purpose: &str, status: u16) -> Result<Value> {
        let content_type = "application/octet-stream";
        self.file(name, purpose, content_type, status).await
    }

    async fn form(&mut self, name: &str, purpose: &str, status: u16) -> Result<Value> {
        let content_type = format!("{FORM}{BOUNDARY}");
        self.file(name, purpose, &content_type, status).await
    }

    async fn file(
        &mut self,
        name: &str,
        purpose: &str,
        content_type: &str,
        status: u16,
    ) -> Result<Value> {
        let target = format!("/v1/uploads?purpose={purpose}");
        let mut request = self.request(&Method::POST, &target, Some(content_type));
        request.file = Some(PHOTO.to_owned());
        let sent = self
            .client
            .request(Method::POST, &target)
            .header("content-type", content_type)
            .body(super::body(&request)?);
        let answer = Answer::read(sent.send().await?).await?;
        self.keep(name, request, &answer, status)
    }

    fn request(&self, method: &Method, target: &str, content_type: Option<&str>) -> Request {
        let token = self
            .client
            .token
            .as_ref()
            .map(|token| format!("Bearer {token}"));
        let headers = [
            ("authorization", token),
            ("content-type", content_type.map(str::to_owned)),
        ];
        let headers: BTreeMap<String, String> = headers
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)))
            .collect();
        Request {
            method: method.to_string(),
            target: target.to_owned(),
            headers,
            json: Value::Null,
            file: None,
        }
    }

    fn keep(
        &mut self,
        name: &str,
        request: Request,
        answer: &Answer,
        status: u16,
    ) -> Result<Value> {
        answer
            .expect_status(status)
            .with_context(|| name.to_owned())?;
        let answer = recorded(answer);
        let json = answer.json.clone();
        self.steps.push(Step {
            name: name.to_owned(),
            client: Exchange { request, answer },
            origin: self.recorder.take(),
            sent: None,
        });
        Ok(json)
    }
}

fn text(json: &Value, pointer: &str) -> Result<String> {
    let found = json.pointer(pointer).and_then(Value::as_str);
    Ok(found
        .with_context(|| format!("{pointer} in {json}"))?
        .to_owned())
}
