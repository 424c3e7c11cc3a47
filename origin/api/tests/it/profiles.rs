use serde_json::json;

use crate::support::{World, call};

#[tokio::test]
async fn a_profile_is_changed_by_its_owner_and_seen_by_everybody() {
    let world = World::new().await;
    let ada = world.sign_up("ada").await;
    let patch = |body| call("PATCH", "/v1/me").token(&ada.access).json(&body);
    let me = patch(json!({ "bio": "Counts. ", "display_name": "Ada L." }))
        .send(&world.origin)
        .await;
    assert_eq!(me.expect(200)["bio"], "Counts.");
    let me = patch(json!({ "bio": "" }))
        .send(&world.origin)
        .await
        .expect(200);
    assert_eq!(
        (&me["bio"], &me["display_name"]),
        (&json!(""), &json!("Ada L."))
    );
    patch(json!({ "bio": "x".repeat(501) }))
        .send(&world.origin)
        .await
        .problem(400, "invalid-request");
    patch(json!({ "role": "operator" }))
        .send(&world.origin)
        .await
        .problem(400, "invalid-request");

    let profile = call("GET", "/v1/profiles/ADA")
        .send(&world.origin)
        .await
        .expect(200);
    assert_eq!(profile["display_name"], "Ada L.");
    assert!(profile.get("id").is_none() && profile.get("role").is_none());
    call("GET", "/v1/profiles/nobody")
        .send(&world.origin)
        .await
        .problem(404, "not-found");
}

#[tokio::test]
async fn a_picture_is_shown_from_its_arrival_and_can_be_taken_away() {
    let world = World::new().await;
    let ada = world.sign_up("ada").await;
    for (purpose, place, member) in [
        ("avatar", "avatar", "avatar"),
        ("profile_header", "profile-header", "profile_header"),
    ] {
        let id = world.upload(&ada, purpose).await;
        let path = format!("/v1/me/{place}");
        let set = call("PUT", &path)
            .token(&ada.access)
            .json(&json!({ "upload_id": id }));
        let me = set.send(&world.origin).await.expect(200);
        assert_eq!(me[member]["url"], format!("/media/{id}.webp"));
        let profile = call("GET", "/v1/profiles/ada")
            .send(&world.origin)
            .await
            .expect(200);
        assert_eq!(profile[member]["key"], format!("{id}.webp"));
        let clear = call("DELETE", &path)
            .token(&ada.access)
            .send(&world.origin)
            .await;
        assert!(clear.expect(200).get(member).is_none());
    }
}

#[tokio::test]
async fn only_the_own_upload_of_that_purpose_can_be_set() {
    let world = World::new().await;
    let ada = world.sign_up("ada").await;
    let eve = world.sign_up("eve").await;
    let adas = world.upload(&ada, "avatar").await;
    let header = world.upload(&eve, "profile_header").await;
    let open = world.ticket(&eve, "avatar", 100).await;
    let nothing = "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap();
    for id in [adas, header, open, nothing] {
        let set = call("PUT", "/v1/me/avatar")
            .token(&eve.access)
            .json(&json!({ "upload_id": id }));
        set.send(&world.origin)
            .await
            .problem(422, "unsuitable-upload");
    }
}
