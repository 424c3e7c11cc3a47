//! Where copies of the database answer, the API says who reads and who wrote.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::Router;
use serde_json::json;
use sluicegate_api::router;
use sluicegate_contract::ids::{AccountId, PostId};
use sluicegate_core::account::Account;
use sluicegate_core::error::PortError;
use sluicegate_core::ports::{OneDatabase, PublicReads, Reader};
use sluicegate_core::post::{Post, PostCursor};

use crate::support::{Person, World, call, fixture};

/// What was said.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    Reads(Reader),
    Wrote(AccountId),
}

struct Recording {
    database: OneDatabase,
    said: Mutex<Vec<Said>>,
}

impl Recording {
    fn reads(&self, reader: Reader) {
        self.said.lock().unwrap().push(Said::Reads(reader));
    }

    fn take(&self) -> Vec<Said> {
        std::mem::take(&mut *self.said.lock().unwrap())
    }
}

#[async_trait]
impl PublicReads for Recording {
    fn tells_readers_apart(&self) -> bool {
        true
    }

    async fn wrote(&self, account: AccountId) -> Result<(), PortError> {
        self.said.lock().unwrap().push(Said::Wrote(account));
        Ok(())
    }

    async fn by_handle(&self, reader: Reader, handle: &str) -> Result<Option<Account>, PortError> {
        self.reads(reader);
        self.database.by_handle(reader, handle).await
    }

    async fn post(&self, reader: Reader, id: PostId) -> Result<Option<Post>, PortError> {
        self.reads(reader);
        self.database.post(reader, id).await
    }

    async fn posts(
        &self,
        reader: Reader,
        author: Option<AccountId>,
        cursor: Option<PostCursor>,
        limit: u32,
    ) -> Result<Vec<Post>, PortError> {
        self.reads(reader);
        self.database.posts(reader, author, cursor, limit).await
    }
}

fn recorded(world: &World) -> (Router, Arc<Recording>) {
    let recording = Arc::new(Recording {
        database: OneDatabase {
            accounts: world.database.accounts(),
            posts: world.database.posts(),
        },
        said: Mutex::default(),
    });
    let mut state = world.state.clone();
    state.reads = recording.clone();
    (router(state), recording)
}

fn id(person: &Person) -> AccountId {
    person.id.parse().unwrap()
}

#[tokio::test]
async fn whoever_changes_something_is_noted_before_the_answer() {
    let world = World::new().await;
    let (origin, said) = recorded(&world);
    let person = json!({ "handle": "ada", "password": "correct horse" });
    let session = call("POST", "/v1/accounts").json(&person).send(&origin);
    let ada = Person::of(&session.await.expect(201));
    let wrote = || vec![Said::Wrote(id(&ada))];
    assert_eq!(said.take(), wrote());

    let text = json!({ "body": "first" });
    let post = call("POST", "/v1/posts").token(&ada.access).json(&text);
    let post = post.send(&origin).await.expect(201);
    assert_eq!(said.take(), wrote());
    let name = json!({ "display_name": "Ada" });
    let change = call("PATCH", "/v1/me").token(&ada.access).json(&name);
    change.send(&origin).await.expect(200);
    assert_eq!(said.take(), wrote());
    let path = format!("/v1/posts/{}", post["id"].as_str().unwrap());
    let delete = call("DELETE", &path).token(&ada.access);
    delete.send(&origin).await.expect(204);
    assert_eq!(said.take(), wrote());

    // Nothing was changed.
    let empty = json!({ "body": "" });
    let refused = call("POST", "/v1/posts").token(&ada.access).json(&empty);
    assert!(refused.send(&origin).await.status.is_client_error());
    let me = call("GET", "/v1/me").token(&ada.access);
    me.send(&origin).await.expect(200);
    assert_eq!(said.take(), []);

    let leave = call("DELETE", "/v1/me").token(&ada.access);
    let password = json!({ "password": "correct horse" });
    leave.json(&password).send(&origin).await.expect(202);
    assert_eq!(said.take(), wrote());
    let back = json!({ "handle": "ada", "password": "correct horse", "restore": true });
    let session = call("POST", "/v1/sessions").json(&back).send(&origin);
    session.await.expect(201);
    assert_eq!(said.take(), wrote());
}

/// What failed for us on the way to its answer may be committed.
#[tokio::test]
async fn whoever_may_have_changed_something_is_noted_too() {
    let world = World::new().await;
    let ada = world.sign_up("ada").await;
    let upload = world.staged(&ada, "avatar", &fixture("photo.png")).await;
    let (origin, said) = recorded(&world);
    world.objects.set_down(true);
    let path = format!("/v1/uploads/{upload}/complete");
    let failed = call("POST", &path).token(&ada.access).send(&origin).await;
    assert!(failed.status.is_server_error(), "{}", failed.text());
    assert_eq!(said.take(), [Said::Wrote(id(&ada))]);
}

#[tokio::test]
async fn a_token_that_is_good_says_who_reads() {
    let world = World::new().await;
    let ada = world.sign_up("ada").await;
    let text = json!({ "body": "first" });
    let post = call("POST", "/v1/posts").token(&ada.access).json(&text);
    let post = post.send(&world.origin).await.expect(201);
    let (origin, said) = recorded(&world);
    let post = format!("/v1/posts/{}", post["id"].as_str().unwrap());
    let paths = [
        "/v1/posts",
        &post,
        "/v1/profiles/ada",
        "/v1/profiles/ada/posts",
    ];
    for path in paths {
        call("GET", path).send(&origin).await.expect(200);
        for said in said.take() {
            assert_eq!(said, Said::Reads(Reader::Anybody), "{path}");
        }
        let own = call("GET", path).token(&ada.access);
        own.send(&origin).await.expect(200);
        let own = said.take();
        assert!(!own.is_empty(), "{path}");
        for said in own {
            assert_eq!(said, Said::Reads(Reader::Account(id(&ada))), "{path}");
        }
        // What no token is needed for, a bad one does not keep from anybody.
        call("GET", path)
            .token("bad")
            .send(&origin)
            .await
            .expect(200);
        for said in said.take() {
            assert_eq!(said, Said::Reads(Reader::Anybody), "{path}");
        }
    }
}
