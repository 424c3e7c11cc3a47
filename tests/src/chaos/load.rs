//! Users at work, and the ledger of what they were told is done.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use sluicegate_contract::accounts::Session;
use sluicegate_contract::ids::UploadId;
use sluicegate_contract::posts::Post;
use sluicegate_contract::uploads::Upload;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::random::Random;
use super::world::World;
use crate::client::{Answer, Client};
use crate::fixtures;

const PEOPLE: usize = 8;
/// Below the daily quota of a user.
const UPLOADS_EACH: usize = 150;
/// Time between two actions of one person, on average.
const PACE: Duration = Duration::from_millis(900);
/// Tokens are renewed long before they end.
const TOKEN_AGE: Duration = Duration::from_mins(8);
/// How often a client asks for what its lost answer said.
const REPEATS: u32 = 60;
const REPEAT_PAUSE: Duration = Duration::from_millis(500);

/// Something that the platform said is done.
#[derive(Debug, Clone)]
pub enum Done {
    /// A picture, what for, and whether the detector calls it unsafe.
    Picture {
        upload: Upload,
        purpose: &'static str,
        bad: bool,
    },
    /// A post, and whether a rule removes it.
    Post { post: Post, bad: bool },
    /// Perhaps: a post with a picture, the answer to which never came.
    UnknownPost,
}

/// What each person was told.
pub struct Ledger {
    pub people: Vec<(Client, Vec<Done>)>,
}

/// How often clients saw what.
#[derive(Debug, Clone, Default)]
pub struct Tally(pub BTreeMap<String, u64>);

impl Tally {
    /// What was added since.
    pub fn since(&self, before: &Self) -> Self {
        let grown = self.0.iter().filter_map(|(what, count)| {
            let grown = count - before.0.get(what).copied().unwrap_or_default();
            (grown > 0).then(|| (what.clone(), grown))
        });
        Self(grown.collect())
    }
}

pub struct Load {
    stop: CancellationToken,
    tally: Arc<Mutex<Tally>>,
    people: JoinSet<Result<(Client, Vec<Done>)>>,
    /// Somebody who is only there for faults that need a client of their own.
    pub bystander: Client,
}

impl Load {
    pub async fn start(world: &World, random: &mut Random) -> Result<Self> {
        let (stop, tally) = (CancellationToken::new(), Arc::default());
        let mut people = JoinSet::new();
        for number in 0..PEOPLE {
            let (client, session) = world.client()?.sign_up(&format!("person_{number}")).await?;
            let person = Person {
                client,
                session,
                since: Instant::now(),
                random: random.fork(),
                tally: Arc::clone(&tally),
                done: Vec::new(),
                uploads: 0,
                header: None,
            };
            people.spawn(person.work(stop.clone()));
        }
        let bystander = world.client()?.sign_up("bystander").await?.0;
        Ok(Self {
            stop,
            tally,
            people,
            bystander,
        })
    }

    pub fn tally(&self) -> Tally {
        self.tally
            .lock()
            .map(|tally| tally.clone())
            .unwrap_or_default()
    }

    /// Lets everybody finish what they do, and answers what they were told.
    pub async fn stop(mut self) -> Result<Ledger> {
        self.stop.cancel();
        let mut people = Vec::new();
        while let Some(person) = self.people.join_next().await {
            people.push(person.context("a person's task")??);
        }
        Ok(Ledger { people })
    }
}

struct Person {
    client: Client,
    session: Session,
    since: Instant,
    random: Random,
    tally: Arc<Mutex<Tally>>,
    done: Vec<Done>,
    uploads: usize,
    /// A good picture for the next post.
    header: Option<UploadId>,
}

impl Person {
    async fn work(mut self, stop: CancellationToken) -> Result<(Client, Vec<Done>)> {
        while !stop.is_cancelled() {
            self.renew().await;
            if self.uploads < UPLOADS_EACH && self.random.once_in(2) {
                self.upload().await?;
            } else {
                self.post().await?;
            }
            let pause = PACE.mul_f64(0.5 + self.unit());
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
        while self.since.elapsed() > TOKEN_AGE {
            self.renew().await;
            tokio::time::sleep(REPEAT_PAUSE).await;
        }
        Ok((self.client, self.done))
    }

    fn unit(&mut self) -> f64 {
        f64::from(u32::try_from(self.random.below(1_000)).unwrap_or_default()) / 1_000.0
    }

    /// A new token where the old one gets old; an answer that was lost ends the session, so then by password.
    async fn renew(&mut self) {
        if self.since.elapsed() < TOKEN_AGE {
            return;
        }
        let refresh = json!({"refresh_token": self.session.refresh_token});
        let handle = &self.session.account.profile.handle;
        let password = json!({"handle": handle, "password": "correct horse battery"});
        for (path, body) in [
            ("/v1/sessions/refresh", refresh),
            ("/v1/sessions", password),
        ] {
            let stranger = self.client.with_token(None);
            let Ok(answer) = stranger.send(Method::POST, path, &body).await else {
                continue;
            };
            if let Ok(session) = answer.json::<Session>() {
                self.client = self.client.with_token(Some(&session.access_token));
                self.session = session;
                self.since = Instant::now();
                return;
            }
        }
    }

    async fn upload(&mut self) -> Result<()> {
        self.uploads += 1;
        let bad = self.random.once_in(6);
        let picture = fixtures::noise(self.random.number(), bad)?;
        let purpose = match self.random.below(3) {
            0 => "avatar",
            1 => "profile_header",
            _ => "post_header",
        };
        let Some(answer) = self.seen("upload", self.client.upload(purpose, picture).await) else {
            return Ok(());
        };
        is_taken_for_good(&answer, bad)?;
        let told = if answer.status.is_success() {
            Some(answer.json::<Upload>()?)
        } else {
            self.complete_later(&answer, bad).await?
        };
        let Some(upload) = told else { return Ok(()) };
        if purpose == "avatar" {
            let body = json!({"upload_id": upload.id});
            let set = self.client.send(Method::PUT, "/v1/me/avatar", &body).await;
            self.seen("avatar", set);
        }
        if purpose == "post_header" && !bad {
            self.header = Some(upload.id);
        }
        self.done.push(Done::Picture {
            upload,
            purpose,
            bad,
        });
        Ok(())
    }

    /// A problem that names an upload says that it may be complete already, or can still become so.
    async fn complete_later(&mut self, answer: &Answer, bad: bool) -> Result<Option<Upload>> {
        let problem: Value = answer.json()?;
        let Some(id) = problem.get("upload_id").and_then(Value::as_str) else {
            return Ok(None);
        };
        let path = format!("/v1/uploads/{id}/complete");
        for _ in 0..REPEATS {
            if let Ok(answer) = self.client.call(Method::POST, &path).await {
                if answer.status.is_success() {
                    self.count("upload: completed later".to_owned());
                    return Ok(Some(answer.json()?));
                }
                is_taken_for_good(&answer, bad)?;
                if answer.status.is_client_error() && answer.status != 429 {
                    return Ok(None);
                }
            }
            tokio::time::sleep(REPEAT_PAUSE).await;
        }
        self.count("upload: never completed".to_owned());
        Ok(None)
    }

    async fn post(&mut self) -> Result<()> {
        let bad = self.random.once_in(6);
        let number = self.random.number();
        let body = if bad {
            format!("{number} {}", "https://example.com/buy ".repeat(30))
        } else {
            format!("The water stands at {number} today.")
        };
        let answer = self.seen("post", self.client.post(&body, self.header).await);
        match answer {
            Some(answer) if answer.status == 201 => {
                let post = answer.json()?;
                self.done.push(Done::Post { post, bad });
            }
            Some(answer) if answer.status.is_client_error() => {}
            _ if self.header.is_some() => self.done.push(Done::UnknownPost),
            _ => {}
        }
        Ok(())
    }

    /// Counts what the client saw.
    fn seen(&self, what: &str, answer: Result<Answer>) -> Option<Answer> {
        let Ok(answer) = answer else {
            self.count(format!("{what}: connection lost"));
            return None;
        };
        let kind = answer.json::<Value>().ok().and_then(|problem| {
            let kind = problem.get("type")?.as_str()?;
            Some(kind.trim_start_matches("/problems/").to_owned())
        });
        let status = answer.status.as_u16();
        self.count(match kind {
            Some(kind) if status >= 400 => format!("{what}: {status} {kind}"),
            _ => format!("{what}: {status}"),
        });
        Some(answer)
    }

    fn count(&self, what: String) {
        if let Ok(mut tally) = self.tally.lock() {
            *tally.0.entry(what).or_default() += 1;
        }
    }
}

/// Whatever fails, a good picture is never called bad.
fn is_taken_for_good(answer: &Answer, bad: bool) -> Result<()> {
    let is_refused = [400, 415, 422].contains(&answer.status.as_u16());
    ensure!(
        bad || !is_refused,
        "a good picture was refused: {}",
        answer.text()
    );
    Ok(())
}
