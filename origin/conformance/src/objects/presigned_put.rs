//! What the holder of a presigned PUT can do: store this object, once, as it was agreed.

use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use sha2::{Digest, Sha256};
use sluicegate_core::ports::PutGrant;

use super::{Fixture, LIFETIME, bytes};

const REFUSED: u16 = 403;

/// The headers are those of the contract and no others; sent exactly so, they store the object.
pub async fn stores_by_url(fixture: &Fixture) {
    let key = fixture.key("by-url");
    let content = bytes(300_000, 5);
    let digest: [u8; 32] = Sha256::digest(&content).into();
    let grant = PutGrant {
        sha256: Some(digest),
        ..fixture.grant(&key, 300_000)
    };
    let put = fixture.presign(&grant).await;
    let names: Vec<&str> = put.headers.keys().map(String::as_str).collect();
    let expected = [
        "content-length",
        "content-type",
        "if-none-match",
        "x-amz-checksum-sha256",
    ];
    assert_eq!(names, expected);
    assert_eq!(
        put.headers.get("content-length").map(String::as_str),
        Some("300000")
    );
    let content_type = put.headers.get("content-type").map(String::as_str);
    assert_eq!(content_type, Some("application/octet-stream"));
    assert_eq!(
        put.headers.get("if-none-match").map(String::as_str),
        Some("*")
    );
    assert!(put.expires_at > fixture.now && put.expires_at <= fixture.now.plus(LIFETIME));

    assert_eq!(fixture.send(&put, content.clone(), &[]).await, 200);
    assert!(fixture.content(&key).await.unwrap() == content);

    let plain = fixture.presign(&fixture.grant(&key, 1)).await;
    assert!(!plain.headers.contains_key("x-amz-checksum-sha256"));
}

/// A second PUT is told 412, and changes nothing.
pub async fn stores_by_url_only_once(fixture: &Fixture) {
    let key = fixture.key("once");
    let put = fixture.presign(&fixture.grant(&key, 5)).await;
    assert_eq!(fixture.send(&put, "first", &[]).await, 200);
    assert_eq!(fixture.send(&put, "other", &[]).await, 412);
    assert_eq!(fixture.content(&key).await.as_deref(), Some(&b"first"[..]));
}

/// Of many that write at once, one wins.
pub async fn lets_one_of_many_writers_win(fixture: &Fixture) {
    let key = fixture.key("many");
    let put = fixture.presign(&fixture.grant(&key, 100_000)).await;
    let sends = (0..8_u32).map(|n| {
        let body = bytes(100_000, 100 + n);
        async { (fixture.send(&put, body.clone(), &[]).await, body) }
    });
    let answers = futures_util::future::join_all(sends).await;
    let won: Vec<&Bytes> = answers
        .iter()
        .filter(|(s, _)| *s == 200)
        .map(|(_, b)| b)
        .collect();
    // 409: it lost a race that is not decided yet.
    assert!(
        answers
            .iter()
            .all(|(status, _)| matches!(status, 200 | 409 | 412))
    );
    assert_eq!(won.len(), 1);
    assert!(won.first().copied() == fixture.content(&key).await.as_ref());
}

/// A byte more or less is refused.
pub async fn refuses_other_lengths(fixture: &Fixture) {
    let key = fixture.key("length");
    let put = fixture.presign(&fixture.grant(&key, 10)).await;
    for length in [0, 9, 11, 3_000_000] {
        assert_eq!(
            fixture.send(&put, bytes(length, 6), &[]).await,
            REFUSED,
            "{length} bytes"
        );
    }
    assert_eq!(fixture.store.head(&key).await.unwrap(), None);
}

/// Another type, or no condition, is refused.
pub async fn refuses_other_headers(fixture: &Fixture) {
    let key = fixture.key("headers");
    let put = fixture.presign(&fixture.grant(&key, 3)).await;
    let changes: [&[(&str, Option<&str>)]; 4] = [
        &[("content-type", Some("text/html"))],
        &[("content-type", None)],
        &[("if-none-match", Some("\"x\""))],
        &[("if-none-match", None)],
    ];
    for changed in changes {
        let status = fixture.send(&put, "abc", changed).await;
        assert!(matches!(status, 400 | REFUSED), "{changed:?}: {status}");
        assert_eq!(fixture.store.head(&key).await.unwrap(), None, "{changed:?}");
    }
}

/// The URL is for this key, and a URL for reading does not write.
pub async fn refuses_other_places(fixture: &Fixture) {
    let (key, other) = (fixture.key("place"), fixture.key("elsewhere"));
    let mut put = fixture.presign(&fixture.grant(&key, 3)).await;
    put.url = put.url.replace("/place", "/elsewhere");
    assert_eq!(fixture.send(&put, "abc", &[]).await, REFUSED);
    let get = fixture
        .store
        .presign_get(&key, LIFETIME, fixture.reach, fixture.now)
        .await
        .unwrap();
    put.url = get.url;
    assert_eq!(fixture.send(&put, "abc", &[]).await, REFUSED);
    assert_eq!(fixture.store.head(&key).await.unwrap(), None);
    assert_eq!(fixture.store.head(&other).await.unwrap(), None);
}

/// After its time a URL is refused.
pub async fn refuses_expired_urls(fixture: &Fixture) {
    let key = fixture.key("expired");
    let minute_ago = fixture.now.unix_ms() - 60_000;
    let then = sluicegate_contract::time::Timestamp::from_unix_ms(minute_ago).unwrap();
    let grant = PutGrant {
        lifetime: Duration::from_secs(30),
        ..fixture.grant(&key, 3)
    };
    let put = fixture.store.presign_put(&grant, then).await.unwrap();
    assert_eq!(fixture.send(&put, "abc", &[]).await, REFUSED);
    assert_eq!(fixture.store.head(&key).await.unwrap(), None);
}

/// Content that does not have the agreed SHA-256 is refused and leaves nothing.
pub async fn verifies_sha256(fixture: &Fixture) {
    let key = fixture.key("sha256");
    let digest: [u8; 32] = Sha256::digest(b"agreed").into();
    let grant = PutGrant {
        sha256: Some(digest),
        ..fixture.grant(&key, 6)
    };
    let put = fixture.presign(&grant).await;
    assert_eq!(fixture.send(&put, "forged", &[]).await, 400);
    assert_eq!(fixture.store.head(&key).await.unwrap(), None);
    let left_out = fixture
        .send(&put, "forged", &[("x-amz-checksum-sha256", None)])
        .await;
    assert!(matches!(left_out, 400 | REFUSED), "{left_out}");
    assert_eq!(fixture.store.head(&key).await.unwrap(), None);
    assert_eq!(fixture.send(&put, "agreed", &[]).await, 200);
}

/// A client that goes away half-way leaves nothing, and another can still use the URL.
pub async fn forgets_uploads_that_break_off(fixture: &Fixture) {
    let key = fixture.key("broken-off");
    let content = bytes(400_000, 7);
    let put = fixture.presign(&fixture.grant(&key, 400_000)).await;
    let half = content.slice(..200_000);
    let pieces = stream::iter([Ok(half), Err(std::io::Error::other("the client goes away"))]);
    let mut request = fixture
        .http
        .put(&put.url)
        .body(reqwest::Body::wrap_stream(pieces));
    for (name, value) in &put.headers {
        request = request.header(name, value);
    }
    assert!(request.send().await.is_err());
    assert_eq!(fixture.store.head(&key).await.unwrap(), None);
    assert_eq!(fixture.send(&put, content, &[]).await, 200);
}
