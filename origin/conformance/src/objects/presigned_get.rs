//! What the holder of a presigned GET can do: read this object for a while.

use std::time::Duration;

use sluicegate_contract::time::Timestamp;

use super::{Fixture, LIFETIME, bytes};

/// The object comes whole, with its tag; another key is refused, and so is another method.
pub async fn serves_by_url(fixture: &Fixture) {
    let key = fixture.key("served");
    let content = bytes(200_000, 8);
    let etag = fixture.put(&key, content.clone()).await;
    let get = fixture
        .store
        .presign_get(&key, LIFETIME, fixture.reach, fixture.now)
        .await
        .unwrap();
    assert!(get.expires_at > fixture.now && get.expires_at <= fixture.now.plus(LIFETIME));
    let answer = fixture.http.get(&get.url).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(
        answer.headers().get("etag").unwrap().to_str().unwrap(),
        etag
    );
    assert_eq!(answer.headers().get("content-length").unwrap(), "200000");
    assert_eq!(answer.headers().get("content-type").unwrap(), "image/webp");
    assert!(answer.bytes().await.unwrap() == content);

    let other = get.url.replace("/served", "/replaced");
    assert_eq!(fixture.http.get(other).send().await.unwrap().status(), 403);
    assert_eq!(
        fixture.http.delete(&get.url).send().await.unwrap().status(),
        403
    );

    let conditional = fixture.http.get(&get.url).header("if-none-match", &etag);
    let answer = conditional.send().await.unwrap();
    assert_eq!(answer.status(), 304);
    assert_eq!(
        answer.headers().get("etag").unwrap().to_str().unwrap(),
        etag
    );

    let key = fixture.key("not-there");
    let get = fixture
        .store
        .presign_get(&key, LIFETIME, fixture.reach, fixture.now)
        .await
        .unwrap();
    assert_eq!(
        fixture.http.get(&get.url).send().await.unwrap().status(),
        404
    );
}

/// A range comes as a range, what lies behind the end as 416.
pub async fn serves_ranges_by_url(fixture: &Fixture) {
    let key = fixture.key("ranges");
    fixture.put(&key, "0123456789").await;
    let get = fixture
        .store
        .presign_get(&key, LIFETIME, fixture.reach, fixture.now)
        .await
        .unwrap();
    for (range, content_range, content) in [
        ("bytes=0-0", "bytes 0-0/10", "0"),
        ("bytes=2-4", "bytes 2-4/10", "234"),
        ("bytes=7-", "bytes 7-9/10", "789"),
        ("bytes=-2", "bytes 8-9/10", "89"),
        ("bytes=8-99", "bytes 8-9/10", "89"),
    ] {
        let answer = fixture
            .http
            .get(&get.url)
            .header("range", range)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 206, "{range}");
        assert_eq!(
            answer.headers().get("content-range").unwrap(),
            content_range
        );
        assert_eq!(answer.text().await.unwrap(), content);
    }
    let behind = fixture
        .http
        .get(&get.url)
        .header("range", "bytes=10-")
        .send()
        .await
        .unwrap();
    assert_eq!(behind.status(), 416);
}

/// After its time a URL is refused.
pub async fn serves_by_url_for_a_time(fixture: &Fixture) {
    let key = fixture.key("timed");
    fixture.put(&key, "x").await;
    let then = Timestamp::from_unix_ms(fixture.now.unix_ms() - 60_000).unwrap();
    let lifetime = Duration::from_secs(30);
    let get = fixture
        .store
        .presign_get(&key, lifetime, fixture.reach, then)
        .await
        .unwrap();
    assert_eq!(
        fixture.http.get(&get.url).send().await.unwrap().status(),
        403
    );
}
