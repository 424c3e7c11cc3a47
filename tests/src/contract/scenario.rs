//! What the recorded clients do: every route of the origin that an edge asks is among it, but for the documents
//! (`/openapi.json`, `/docs`, `/problems`).
//!
//! Of these routes not every answer is recorded. There is no `HEAD`; no refusal that a neighbour's stands for (a body that
//! is too large, somebody else's upload, too many log-ins); no upload that is judged before it is answered, and no
//! picture that moderation takes away; no long poll and no stream of events that a change ends, since nothing
//! changes meanwhile. `If-None-Match` and `Range` of pictures end at the edge or go to the store.

mod more;
mod pages;
mod profile;
mod quotas;
mod repeats;
mod strict;
mod waiting;

pub(super) use quotas::{OPEN_TICKETS, STAGING_BUDGET};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::recorder::{Recorder, recorded};
use super::recording::{Exchange, Request, Step};
use super::{FIRST, PAGES, PROFILE, QUOTAS, REPEATS, STRICT, WAITING};
use crate::client::{Answer, Client, PASSWORD};
use crate::proxy::{Action, Proxy};
use crate::secrets;

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
    store: &'a Proxy,
    recorder: &'a Recorder,
    steps: Vec<Step>,
}

impl<'a> Scenario<'a> {
    pub(super) fn new(edge_url: &str, store: &'a Proxy, recorder: &'a Recorder) -> Result<Self> {
        Ok(Self {
            client: Client::new(edge_url)?,
            store,
            recorder,
            steps: Vec::new(),
        })
    }

    /// Takes all steps of the scenario that is kept in this folder.
    pub(super) async fn run(mut self, folder: &str) -> Result<Vec<Step>> {
        match folder {
            FIRST => self.first().await?,
            STRICT => self.strict().await?,
            REPEATS => self.repeats().await?,
            QUOTAS => self.quotas().await?,
            PROFILE => self.profile().await?,
            WAITING => self.waiting().await?,
            PAGES => self.pages().await?,
            other => bail!("nothing is recorded in {other}"),
        }
        Ok(self.steps)
    }

    async fn first(&mut self) -> Result<()> {
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
        self.deletion().await
    }

    /// Somebody new, who is the client from now on.
    async fn sign_up(&mut self, handle: &str) -> Result<Value> {
        let credentials = json!({"handle": handle, "password": PASSWORD});
        let session = self
            .json("sign up", "POST", "/v1/accounts", &credentials, 201)
            .await?;
        self.be(&session)?;
        Ok(session)
    }

    /// Whoever has that session, from now on.
    fn be(&mut self, session: &Value) -> Result<()> {
        let token = text(session, "/access_token")?;
        self.client = self.client.with_token(Some(&token));
        Ok(())
    }

    async fn pictures(&mut self) -> Result<()> {
        let upload = self.upload("upload", "avatar", 201).await?;
        let id = text(&upload, "/id")?;
        self.picture(&upload).await?;
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
        let request = self.request(method, target, &[]);
        self.ask(name, request, status).await
    }

    async fn json(
        &mut self,
        name: &str,
        method: &str,
        target: &str,
        body: &Value,
        status: u16,
    ) -> Result<Value> {
        let mut request = self.request(method, target, &[("content-type", "application/json")]);
        request.json = body.clone();
        self.ask(name, request, status).await
    }

    async fn upload(&mut self, name: &str, purpose: &str, status: u16) -> Result<Value> {
        let request = self.file(purpose, &[]);
        self.ask(name, request, status).await
    }

    async fn form(&mut self, name: &str, purpose: &str, status: u16) -> Result<Value> {
        let content_type = format!("{FORM}{BOUNDARY}");
        let request = self.file(purpose, &[("content-type", &content_type)]);
        self.ask(name, request, status).await
    }

    /// The picture of an upload, which is made now: by the origin, since there are no workers.
    async fn picture(&mut self, upload: &Value) -> Result<()> {
        let media = text(upload, "/url")?;
        self.call("picture", "GET", &media, 200).await?;
        Ok(())
    }

    /// An upload of the photo. Of headers that are there twice the last counts.
    fn file(&self, purpose: &str, headers: &[(&str, &str)]) -> Request {
        let target = format!("/v1/uploads?purpose={purpose}");
        let plain = [("content-type", "application/octet-stream")];
        let mut request = self.request("POST", &target, &[&plain, headers].concat());
        request.file = Some(PHOTO.to_owned());
        request
    }

    /// A request with the client's token.
    fn request(&self, method: &str, target: &str, headers: &[(&str, &str)]) -> Request {
        let token = self.client.token.as_ref();
        let token = token.map(|token| ("authorization".to_owned(), format!("Bearer {token}")));
        let headers = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Request {
            method: method.to_owned(),
            target: target.to_owned(),
            headers: token.into_iter().chain(headers).collect(),
            json: Value::Null,
            file: None,
        }
    }

    /// Sends a request, and keeps what is said.
    async fn ask(&mut self, name: &str, request: Request, status: u16) -> Result<Value> {
        secrets::register_json(&request.json);
        let stranger = self.client.with_token(None);
        let mut sent = stranger.request(request.method.parse()?, &request.target);
        for (name, value) in &request.headers {
            sent = sent.header(name, value);
        }
        if request.file.is_some() || !request.json.is_null() {
            sent = sent.body(super::body(&request)?);
        }
        let answer = Answer::read(sent.send().await?).await?;
        self.keep(name, request, &answer, status)
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
