//! `MODERATION_IMAGE_GATE=strict`: who sees pictures that nobody has judged.

use serde_json::{Value, json};
use sluicegate_api::ApiConfig;
use sluicegate_contract::ids::UploadId;
use sluicegate_contract::limits::PREVIEW_LIFETIME;
use sluicegate_contract::token::Role;
use sluicegate_core::moderation::{ImageGate, Outcome, Record, Subject};
use sluicegate_core::ports::ImageVerdict;

use crate::support::{Answer, Person, World, call};

fn strict(config: &mut ApiConfig) {
    config.image_gate = ImageGate::Strict;
    config.image_checks = true;
}

/// Ada, with an avatar and a post with a picture that nobody has judged.
struct Scene {
    world: World,
    ada: Person,
    avatar: UploadId,
    header: UploadId,
    post: String,
}

impl Scene {
    async fn new(set: impl FnOnce(&mut ApiConfig)) -> Self {
        let world = World::with(set).await;
        let ada = world.sign_up("ada").await;
        let avatar = world.upload(&ada, "avatar").await;
        let header = world.upload(&ada, "post_header").await;
        call("PUT", "/v1/me/avatar")
            .token(&ada.access)
            .json(&json!({ "upload_id": avatar }))
            .send(&world.origin)
            .await
            .expect(200);
        let post = call("POST", "/v1/posts")
            .token(&ada.access)
            .json(&json!({ "body": "Look at this", "header_upload_id": header }));
        let post = post.send(&world.origin).await.expect(201);
        assert!(post["header"]["preview_url"].is_string(), "{post}");
        Self {
            world,
            ada,
            avatar,
            header,
            post: post["id"].as_str().unwrap().to_owned(),
        }
    }

    /// All that shows the pictures, as somebody sees it: with the author's avatar, then the post's picture.
    async fn shown(&self, token: Option<&str>) -> Vec<Value> {
        let get = async |path: &str| {
            let request = call("GET", path);
            let request = match token {
                Some(token) => request.token(token),
                None => request,
            };
            request.send(&self.world.origin).await.expect(200)
        };
        let profile = get("/v1/profiles/ada").await;
        let one = get(&format!("/v1/posts/{}", self.post)).await;
        let newest = get("/v1/posts").await;
        let own = get("/v1/profiles/ada/posts").await;
        let mut pictures = vec![profile["avatar"].clone()];
        for post in [&one, &newest["items"][0], &own["items"][0]] {
            pictures.push(post["author"]["avatar"].clone());
            pictures.push(post["header"].clone());
        }
        pictures
    }

    async fn ask(&self, id: UploadId, query: &str) -> Answer {
        let path = format!("/edge/v1/media/{id}{query}");
        call("GET", &path)
            .header("if-none-match", "*")
            .send(&self.world.origin)
            .await
    }

    async fn not_found(&self, id: UploadId, query: &str) {
        let answer = self.ask(id, query).await;
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.header("etag"), "");
        answer.problem(404, "not-found");
    }

    /// The query of a preview's address.
    async fn preview(&self, id: UploadId) -> String {
        let path = format!("/v1/uploads/{id}");
        let upload = self.world.get(&self.ada, &path).await.expect(200);
        query_of(&upload)
    }

    async fn judge(&self, id: UploadId, outcome: Outcome) {
        let (env, owner) = (&self.world.state.env, self.ada.id.parse().unwrap());
        let record = Record {
            id: env.new_id(),
            subject: Subject::Upload(id),
            owner,
            source: "test".to_owned(),
            stage: "image".to_owned(),
            outcome,
            reason: String::new(),
            confidence: 1.0,
            scores: Value::Null,
            created_at: env.now(),
        };
        let verdict = match outcome {
            Outcome::Passed => ImageVerdict::Passed(record),
            Outcome::Removed => ImageVerdict::Removed(record),
        };
        let uploads = &self.world.state.uploads;
        uploads
            .apply_verdict(id, &verdict, None, env.now())
            .await
            .unwrap();
    }
}

fn query_of(picture: &Value) -> String {
    let url = picture["preview_url"].as_str().expect("a preview");
    let (path, query) = url.split_once('?').unwrap();
    assert_eq!(path, picture["url"]);
    format!("?{query}")
}

#[tokio::test]
async fn nobody_else_sees_a_picture_that_is_not_judged() {
    let scene = Scene::new(strict).await;
    let grace = scene.world.sign_up("grace").await;
    for token in [None, Some(grace.access.as_str())] {
        for picture in scene.shown(token).await {
            assert_eq!(picture, Value::Null, "hidden, with all that was made of it");
        }
    }
    for id in [scene.avatar, scene.header] {
        scene.not_found(id, "").await;
        scene.not_found(id, "?preview=").await;
        scene.not_found(id, "?preview=s.99999999999.AAAA").await;
    }
    assert_eq!(
        scene.world.maker.calls(),
        0,
        "nothing was made for strangers"
    );
    let path = format!("/v1/uploads/{}", scene.avatar);
    let foreign = scene.world.get(&grace, &path).await;
    foreign.problem(404, "not-found");
}

#[tokio::test]
async fn its_owner_sees_it_wherever_it_is_shown() {
    let scene = Scene::new(strict).await;
    let me = scene.world.get(&scene.ada, "/v1/me").await.expect(200);
    let mut pictures = scene.shown(Some(&scene.ada.access)).await;
    pictures.push(me["avatar"].clone());
    let status = format!("/v1/uploads/{}", scene.avatar);
    pictures.push(scene.world.get(&scene.ada, &status).await.expect(200));
    for picture in pictures {
        let key = picture["key"].as_str().unwrap();
        let id = key.strip_suffix(".webp").unwrap().parse().unwrap();
        let grant = scene.ask(id, &query_of(&picture)).await.expect(200);
        assert_eq!(grant["cache_control"], "private, no-store");
        assert_eq!(grant["state"], "unreviewed");
    }
    assert_eq!(scene.world.maker.calls(), 2);
    scene.not_found(scene.avatar, "").await;
}

#[tokio::test]
async fn a_preview_is_for_one_picture_and_ends() {
    let scene = Scene::new(strict).await;
    let query = scene.preview(scene.avatar).await;
    scene.ask(scene.avatar, &query).await.expect(200);
    scene.not_found(scene.header, &query).await;
    let mut forged = query.clone();
    forged.pop();
    scene.not_found(scene.avatar, &forged).await;
    let other = scene.world.another_origin();
    let path = format!("/edge/v1/media/{}{query}", scene.avatar);
    call("GET", &path).send(&other).await.expect(200);
    scene.world.clock.advance(PREVIEW_LIFETIME);
    scene.not_found(scene.avatar, &query).await;
    let renewed = scene.preview(scene.avatar).await;
    scene.ask(scene.avatar, &renewed).await.expect(200);
}

#[tokio::test]
async fn a_repeated_post_is_answered_with_previews_that_work() {
    let scene = Scene::new(strict).await;
    let header = scene.world.upload(&scene.ada, "post_header").await;
    let body = json!({ "body": "Once", "header_upload_id": header });
    let write = async |token: &str| {
        let post = call("POST", "/v1/posts").token(token).json(&body);
        let post = post
            .header("idempotency-key", "k")
            .send(&scene.world.origin);
        post.await.expect(201)
    };
    let first = write(&scene.ada.access).await;
    scene.world.clock.advance(PREVIEW_LIFETIME);
    let ada = scene.world.log_in("ada").await;
    let again = write(&ada.access).await;
    assert_eq!(again["id"], first["id"]);
    let pictures = [
        (scene.avatar, &again["author"]["avatar"]),
        (header, &again["header"]),
    ];
    for (id, picture) in pictures {
        let query = query_of(picture);
        scene.ask(id, &query).await.expect(200);
    }
}

#[tokio::test]
async fn everybody_sees_what_has_passed() {
    let scene = Scene::new(strict).await;
    let query = scene.preview(scene.avatar).await;
    for id in [scene.avatar, scene.header] {
        scene.judge(id, Outcome::Passed).await;
    }
    for picture in scene.shown(None).await {
        assert!(picture["url"].is_string(), "{picture}");
        assert_eq!(picture["preview_url"], Value::Null);
    }
    for query in ["", &query, "?preview=nonsense"] {
        let grant = scene.ask(scene.avatar, query).await.expect(200);
        let cached = "public, max-age=300, s-maxage=3600";
        assert_eq!(grant["cache_control"], cached, "{query:?}");
    }
}

#[tokio::test]
async fn nobody_sees_what_was_removed() {
    let scene = Scene::new(strict).await;
    let query = scene.preview(scene.avatar).await;
    scene.ask(scene.avatar, &query).await.expect(200);
    scene.judge(scene.avatar, Outcome::Removed).await;
    scene.not_found(scene.avatar, &query).await;
    scene.not_found(scene.avatar, "").await;
    let path = format!("/v1/uploads/{}", scene.avatar);
    let upload = scene.world.get(&scene.ada, &path).await.expect(200);
    assert_eq!(upload["moderation"], "removed");
    assert_eq!(upload["preview_url"], Value::Null);
}

async fn give_role(world: &World, handle: &str, role: Role) {
    let env = &world.state.env;
    let accounts = world.database.accounts();
    let given = accounts.set_role(handle, role, env.new_id(), env.now());
    given.await.unwrap().expect("the account is there");
}

#[tokio::test]
async fn reviewers_see_what_is_held_back() {
    let scene = Scene::new(strict).await;
    let grace = scene.world.sign_up("grace").await;
    // The same token all the time: roles are the database's.
    for role in [Role::Reviewer, Role::Operator] {
        give_role(&scene.world, "grace", role).await;
        for picture in scene.shown(Some(&grace.access)).await {
            let key = picture["key"].as_str().unwrap();
            let id = key.strip_suffix(".webp").unwrap().parse().unwrap();
            scene.ask(id, &query_of(&picture)).await.expect(200);
        }
    }
    give_role(&scene.world, "grace", Role::User).await;
    for picture in scene.shown(Some(&grace.access)).await {
        assert_eq!(picture, Value::Null);
    }
}

#[tokio::test]
async fn a_token_that_is_sent_must_be_good_where_it_counts() {
    let scene = Scene::new(strict).await;
    let bad = call("GET", "/v1/profiles/ada").token("nonsense");
    let refused = bad.send(&scene.world.origin).await;
    refused.problem(401, "unauthorized");
}

#[tokio::test]
async fn an_open_gate_holds_nothing_back() {
    let world = World::new().await;
    let ada = world.sign_up("ada").await;
    let id = world.upload(&ada, "avatar").await;
    let path = format!("/v1/uploads/{id}");
    let upload = world.get(&ada, &path).await.expect(200);
    assert_eq!(upload["preview_url"], Value::Null);
    let path = format!("/edge/v1/media/{id}?preview=nonsense");
    let grant = call("GET", &path).send(&world.origin).await.expect(200);
    assert_eq!(grant["cache_control"], "public, max-age=60");
}
