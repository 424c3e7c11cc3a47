use serde_json::{Value, json};
use sluicegate_contract::trace::SpanContext;
use sluicegate_core::job::POST_QUEUE;

use crate::support::{Answer, Person, World, call};

async fn write(world: &World, person: &Person, body: Value) -> Answer {
    call("POST", "/v1/posts")
        .token(&person.access)
        .json(&body)
        .send(&world.origin)
        .await
}

#[tokio::test]
async fn a_post_is_written_with_its_job_read_and_deleted() {
    let world = World::new().await;
    let ada = world.sign_up("ada").await;
    let answer = write(&world, &ada, json!({ "body": " Hello. " })).await;
    let location = answer.header("location").to_owned();
    let post = answer.expect(201);
    assert_eq!(post["body"], "Hello.");
    assert_eq!(post["moderation"], "unreviewed");
    assert_eq!(post["author"]["handle"], "ada");
    let stats = world
        .database
        .jobs()
        .stats(POST_QUEUE, world.state.env.now())
        .await
        .unwrap();
    assert_eq!(stats.ready, 1);

    let get = || call("GET", &location);
    assert_eq!(get().send(&world.origin).await.expect(200), post);
    let eve = world.sign_up("eve").await;
    let delete = |person: &Person| call("DELETE", &location).token(&person.access);
    delete(&eve)
        .send(&world.origin)
        .await
        .problem(404, "not-found");
    delete(&ada).send(&world.origin).await.expect(204);
    get().send(&world.origin).await.problem(404, "not-found");
    delete(&ada)
        .send(&world.origin)
        .await
        .problem(404, "not-found");
    let list = call("GET", "/v1/posts")
        .send(&world.origin)
        .await
        .expect(200);
    assert_eq!(list, json!({ "items": [] }));
}

#[tokio::test]
async fn the_trace_of_the_request_goes_with_its_job() {
    let world = World::new().await;
    let ada = world.sign_up("ada").await;
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let post = call("POST", "/v1/posts")
        .token(&ada.access)
        .header("traceparent", trace);
    post.json(&json!({ "body": "Hello." }))
        .send(&world.origin)
        .await
        .expect(201);
    let request = sluicegate_core::ports::ClaimRequest {
        queue: POST_QUEUE,
        worker: "test",
        limit: 9,
        lease: std::time::Duration::from_mins(1),
        bounds: sluicegate_core::fair::Bounds::NONE,
    };
    let jobs = world
        .database
        .jobs()
        .claim(&request, world.state.env.now())
        .await
        .unwrap();
    assert_eq!(jobs.len(), 1);
    let carried = jobs[0].traceparent.as_deref().and_then(SpanContext::parse);
    let (carried, sent) = (carried.unwrap(), SpanContext::parse(trace).unwrap());
    assert_eq!(carried.trace_id(), sent.trace_id());
    assert_ne!(
        carried.span_id(),
        sent.span_id(),
        "it is the request's own span"
    );
    assert_eq!(jobs[0].payload["userId"], ada.id.as_str());
}

#[tokio::test]
async fn lists_are_read_page_by_page_newest_first() {
    let world = World::new().await;
    let ada = world.sign_up("ada").await;
    let eve = world.sign_up("eve").await;
    for number in 0..5 {
        write(&world, &ada, json!({ "body": format!("Ada's {number}") }))
            .await
            .expect(201);
        write(&world, &eve, json!({ "body": format!("Eve's {number}") }))
            .await
            .expect(201);
    }
    for (path, bodies) in [
        (
            "/v1/profiles/ada/posts",
            vec!["Ada's 4", "Ada's 3", "Ada's 2", "Ada's 1", "Ada's 0"],
        ),
        (
            "/v1/posts",
            vec![
                "Eve's 4", "Ada's 4", "Eve's 3", "Ada's 3", "Eve's 2", "Ada's 2", "Eve's 1",
                "Ada's 1", "Eve's 0", "Ada's 0",
            ],
        ),
    ] {
        let mut seen = Vec::new();
        let mut next = Some(String::new());
        while let Some(cursor) = next {
            let query = if cursor.is_empty() {
                String::new()
            } else {
                format!("&cursor={cursor}")
            };
            let page = call("GET", &format!("{path}?limit=2{query}"))
                .send(&world.origin)
                .await;
            let page = page.expect(200);
            let items = page["items"].as_array().unwrap();
            assert!((1..=2).contains(&items.len()));
            seen.extend(
                items
                    .iter()
                    .map(|post| post["body"].as_str().unwrap().to_owned()),
            );
            next = page["next"].as_str().map(ToOwned::to_owned);
        }
        assert_eq!(seen, bodies);
    }
    for query in [
        "limit=0",
        "limit=101",
        "limit=x",
        "cursor=x",
        &format!("cursor={}", "A".repeat(5_000)),
    ] {
        let answer = call("GET", &format!("/v1/posts?{query}"))
            .send(&world.origin)
            .await;
        answer.problem(400, "invalid-request");
    }
}

#[tokio::test]
async fn a_post_may_have_a_picture_of_the_authors() {
    let world = World::new().await;
    let ada = world.sign_up("ada").await;
    let eve = world.sign_up("eve").await;
    let header = world.upload(&ada, "post_header").await;
    let avatar = world.upload(&ada, "avatar").await;
    let body = json!({ "body": "Look.", "header_upload_id": header });
    let post = write(&world, &ada, body.clone()).await.expect(201);
    assert_eq!(post["header"]["url"], format!("/media/{header}.webp"));
    write(&world, &eve, body)
        .await
        .problem(422, "unsuitable-upload");
    let body = json!({ "body": "Look.", "header_upload_id": avatar });
    write(&world, &ada, body)
        .await
        .problem(422, "unsuitable-upload");
}

#[tokio::test]
async fn rules_and_duplicates_refuse_a_post_before_it_is_written() {
    let world = World::with(|config| config.content_sync = true).await;
    let ada = world.sign_up("ada").await;
    let eve = world.sign_up("eve").await;
    write(&world, &ada, json!({ "body": "Hello there" }))
        .await
        .expect(201);
    let problem = write(&world, &ada, json!({ "body": "hello  THERE" })).await;
    let problem = problem.problem(422, "content-refused");
    assert_eq!(problem["source"], "duplicates");
    assert!(!problem["reason"].as_str().unwrap().is_empty());
    write(&world, &eve, json!({ "body": "Hello there" }))
        .await
        .expect(201);

    let flood = "https://a.example ".repeat(100);
    let problem = write(&world, &ada, json!({ "body": flood })).await;
    assert_eq!(problem.problem(422, "content-refused")["source"], "rules");
    let list = call("GET", "/v1/profiles/ada/posts")
        .send(&world.origin)
        .await
        .expect(200);
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn without_the_synchronous_check_nothing_stands_before_the_insert() {
    let world = World::new().await;
    let ada = world.sign_up("ada").await;
    for _ in 0..2 {
        let body = json!({ "body": "https://a.example ".repeat(100) });
        write(&world, &ada, body).await.expect(201);
    }
}

#[tokio::test]
async fn a_body_is_1_to_10000_characters() {
    let world = World::new().await;
    let ada = world.sign_up("ada").await;
    for body in ["", "  \n ", &"x".repeat(10_001), "with \0 in it"] {
        let problem = write(&world, &ada, json!({ "body": body })).await;
        assert_eq!(problem.problem(400, "invalid-request")["field"], "body");
    }
    write(&world, &ada, json!({ "body": "ä".repeat(10_000) }))
        .await
        .expect(201);
}
