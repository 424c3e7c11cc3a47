use serde_json::json;

use crate::support::{World, call};

#[tokio::test]
async fn an_origin_says_what_it_has() {
    let world = World::new().await;
    let ready = call("GET", "/readyz").send(&world.origin).await.expect(200);
    assert_eq!(
        ready,
        json!({ "status": "ready", "checks": {
            "database": "up",
            "object_store": "up",
            "picture_detector": "none: pictures stay unreviewed",
        } })
    );
    // It is told, and requests that need no store go on.
    world.objects.set_down(true);
    let without = call("GET", "/readyz").send(&world.origin).await.expect(200);
    assert_eq!(without["status"], "ready");
    assert_eq!(without["checks"]["object_store"], "down");
    assert!(!without.to_string().contains("store.internal"));
}

#[tokio::test]
async fn an_origin_whose_store_was_never_there_is_not_ready() {
    let world = World::new().await;
    world.objects.set_down(true);
    let unready = call("GET", "/readyz").send(&world.origin).await.expect(503);
    assert_eq!(unready["status"], "unavailable");
    world.objects.set_down(false);
    call("GET", "/readyz").send(&world.origin).await.expect(200);
}

#[tokio::test]
async fn a_detector_is_named() {
    let world = World::with(|config| config.image_checks = true).await;
    let ready = call("GET", "/readyz").send(&world.origin).await.expect(200);
    assert_eq!(ready["checks"]["picture_detector"], "moody");
}
