use proptest::prelude::*;

use super::*;

const LIMIT: u64 = limits::PICTURE_BYTES;

fn header(name: &str, value: &str) -> HeaderList {
    vec![(name.into(), value.into())]
}

fn reason(result: Result<(), Refusal>) -> (u16, Option<String>) {
    let refusal = result.expect_err("refused");
    let reason = refusal
        .problem()
        .members
        .get("reason")
        .and_then(|r| r.as_str());
    (refusal.status(), reason.map(str::to_owned))
}

#[test]
fn the_length_is_checked_first() {
    let within = |value, limit| {
        body_length(&header("content-length", value), &Shape::Raw, limit).map_err(|r| r.status())
    };
    let status = |value| within(value, LIMIT);
    assert_eq!(
        body_length(&Vec::new(), &Shape::Raw, LIMIT).map_err(|r| r.status()),
        Err(411)
    );
    assert_eq!(status("x"), Err(411));
    assert_eq!(status("-1"), Err(411));
    assert_eq!(status("0"), Err(422));
    assert_eq!(status("1"), Ok(1));
    assert_eq!(status("10485760"), Ok(10_485_760));
    assert_eq!(status("10485761"), Err(413));
    assert_eq!(status("99999999999999999999999"), Err(413));
    assert_eq!(within("1000", 1_000), Ok(1_000));
    assert_eq!(within("1001", 1_000), Err(413));
    for limit in [LIMIT, 1_000] {
        let refusal = body_length(&header("content-length", "10485761"), &Shape::Raw, limit)
            .expect_err("too large");
        assert_eq!(refusal.problem().members["limit"], limit);
    }
}

#[test]
fn the_purpose_is_one_of_three() {
    assert_eq!(purpose(Some("purpose=avatar")), Ok(Some(Purpose::Avatar)));
    assert_eq!(
        purpose(Some("x=1&purpose=post_header")),
        Ok(Some(Purpose::PostHeader))
    );
    assert_eq!(purpose(None), Ok(None));
    assert_eq!(purpose(Some("")), Ok(None));
    for query in [
        Some("purpose="),
        Some("purpose=Avatar"),
        Some("purpose=avatar&purpose=avatar"),
    ] {
        assert_eq!(
            purpose(query).map_err(|r| r.status()),
            Err(400),
            "{query:?}"
        );
    }
}

#[test]
fn the_purpose_is_named_once_or_alike() {
    let (avatar, header) = (Some(Purpose::Avatar), Some(Purpose::PostHeader));
    assert_eq!(one_purpose(avatar, None), Ok(Purpose::Avatar));
    assert_eq!(one_purpose(None, header), Ok(Purpose::PostHeader));
    assert_eq!(one_purpose(avatar, avatar), Ok(Purpose::Avatar));
    for (query, field) in [(None, None), (avatar, header)] {
        let status = one_purpose(query, field).map_err(|refusal| refusal.status());
        assert_eq!(status, Err(400));
    }
}

#[test]
fn what_was_seen_decides() {
    let picture = |width, height, animated| Seen::Picture {
        width,
        height,
        animated,
    };
    assert_eq!(inspected(picture(4_000, 3_000, false)), Ok(()));
    assert_eq!(inspected(picture(0, 0, false)), Ok(()));
    assert_eq!(inspected(picture(12_000, 4_000, false)), Ok(()));
    assert_eq!(reason(inspected(Seen::Unsupported)), (415, None));
    assert_eq!(
        reason(inspected(Seen::Broken)),
        (422, Some("broken".into()))
    );
    assert_eq!(
        reason(inspected(Seen::NeedMore)),
        (422, Some("broken".into()))
    );
    assert_eq!(
        reason(inspected(picture(9, 9, true))),
        (422, Some("animated".into()))
    );
    for (width, height) in [
        (12_001, 1),
        (1, 12_001),
        (12_000, 4_167),
        (u32::MAX, u32::MAX),
    ] {
        let (status, reason) = reason(inspected(picture(width, height, false)));
        assert_eq!((status, reason.as_deref()), (422, Some("too_many_pixels")));
    }
}

fn form() -> Shape {
    shape(&header("content-type", "multipart/form-data; boundary=x")).expect("a form")
}

#[test]
fn pictures_come_raw_or_in_a_form() {
    let status = |name, value| shape(&header(name, value)).map_err(|r| r.status());
    let kind = "Multipart/Form-Data; boundary=x";
    assert!(matches!(status("content-type", kind), Ok(Shape::Form(_))));
    for raw in ["text/plain", "image/png; multipart/form-data", ""] {
        assert!(
            matches!(status("content-type", raw), Ok(Shape::Raw)),
            "{raw}"
        );
    }
    assert!(matches!(shape(&Vec::new()), Ok(Shape::Raw)));
    assert_eq!(
        status("content-type", "multipart/form-data").err(),
        Some(400)
    );
    assert_eq!(
        status("content-type", "multipart/mixed; boundary=x").err(),
        Some(415)
    );
    assert_eq!(status("content-encoding", "gzip").err(), Some(415));
}

#[test]
fn a_form_may_be_a_little_longer_than_its_file() {
    for limit in [LIMIT, 1_000] {
        let status = |length: u64| {
            let headers = header("content-length", &length.to_string());
            body_length(&headers, &form(), limit).map_err(|refusal| refusal.status())
        };
        assert_eq!(status(limit + 500), Ok(limit + 500));
        assert_eq!(status(limit + FORM_AROUND + 1), Err(413));
        let status = |length| file_length(length, limit).map_err(|refusal| refusal.status());
        assert_eq!(status(0), Err(422));
        assert_eq!(status(limit), Ok(()));
        assert_eq!(status(limit + 1), Err(413));
    }
    assert_eq!(
        body_length(&Vec::new(), &form(), LIMIT).map_err(|r| r.status()),
        Err(411)
    );
}

#[test]
fn a_digest_is_of_the_file_alone() {
    let digest = "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:";
    let headers = header("repr-digest", digest);
    assert!(file_digest(&headers, &Shape::Raw).expect("read").is_some());
    assert_eq!(
        file_digest(&headers, &form()).map_err(|r| r.status()),
        Err(400)
    );
    assert_eq!(file_digest(&Vec::new(), &form()), Ok(None));
}

#[test]
fn an_upload_has_one_name_or_none() {
    let key = |value: &str| {
        let headers = header("Idempotency-Key", value);
        idempotency_key(&headers)
            .map(|key| key.map(str::to_owned))
            .map_err(|refusal| refusal.status())
    };
    assert_eq!(key("k-1"), Ok(Some("k-1".to_owned())));
    assert_eq!(idempotency_key(&Vec::new()), Ok(None));
    for bad in ["", "a b", "\u{e4}", &"k".repeat(256)] {
        assert_eq!(key(bad), Err(400), "{bad:?}");
    }
    let two = [
        header("idempotency-key", "a"),
        header("idempotency-key", "a"),
    ]
    .concat();
    assert_eq!(idempotency_key(&two).map_err(|r| r.status()), Err(400));
}

#[test]
fn the_digest_becomes_hex() {
    let empty = "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:";
    let hex = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(digest(&header("repr-digest", empty)), Ok(Some(hex.into())));
    let more = format!("sha-512=:AA==:, {empty}");
    assert_eq!(digest(&header("repr-digest", &more)), Ok(Some(hex.into())));
    assert_eq!(digest(&header("repr-digest", "sha-512=:AA==:")), Ok(None));
    assert_eq!(digest(&Vec::new()), Ok(None));
    for value in [
        "sha-256=:AA==:",
        "sha-256=x",
        "x",
        "",
        &format!("{empty},{empty}"),
    ] {
        assert_eq!(
            digest(&header("repr-digest", value)).map_err(|r| r.status()),
            Err(400)
        );
    }
}

proptest! {
    #[test]
    fn any_header_is_read_without_panic(value in prop::collection::vec(any::<u8>(), 0..80)) {
        for name in ["content-length", "content-type", "repr-digest"] {
            let headers = vec![(name.to_owned(), value.clone())];
            let _ = (body_length(&headers, &Shape::Raw, LIMIT), shape(&headers), digest(&headers));
        }
    }
}
