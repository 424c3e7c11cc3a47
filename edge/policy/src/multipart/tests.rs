use proptest::prelude::*;
use sluicegate_contract::limits;
use sluicegate_contract::uploads::Purpose;

use super::{Boundary, Form, FormError, READ_AHEAD};

const FILE: &str = "Content-Disposition: form-data; name=\"file\"; filename=\"photo.jpg\"\r\n\
    Content-Type: image/jpeg";
const PURPOSE: &str = "Content-Disposition: form-data; name=\"purpose\"";

/// A form of these parts, headers and content, with an end.
fn form(boundary: &str, parts: &[(&str, &[u8])], end: &str) -> Vec<u8> {
    let mut body = Vec::new();
    for (n, (head, content)) in parts.iter().enumerate() {
        let start = if n == 0 { "" } else { "\r\n" };
        body.extend(format!("{start}--{boundary}\r\n{head}\r\n\r\n").bytes());
        body.extend_from_slice(content);
    }
    body.extend(format!("\r\n--{boundary}{end}").bytes());
    body
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Taken {
    file: Vec<u8>,
    purpose: Option<Purpose>,
}

fn take(boundary: &str, body: &[u8], piece: usize) -> Result<Taken, FormError> {
    let cuts: Vec<usize> = (0..body.len()).step_by(piece.max(1)).skip(1).collect();
    take_cut(boundary, body, &cuts)
}

/// Reads a body that comes in pieces which end at `cuts`.
fn take_cut(boundary: &str, body: &[u8], cuts: &[usize]) -> Result<Taken, FormError> {
    let boundary = Boundary::of(&format!("multipart/form-data; boundary=\"{boundary}\""))?;
    let mut form = Form::new(boundary, body.len() as u64);
    let mut file = Vec::new();
    let mut from = 0;
    for to in cuts.iter().copied().chain([body.len()]) {
        let mut piece = body[from..to].to_vec();
        form.push(&mut piece)?;
        file.extend(piece);
        if let Some(length) = form.file_length() {
            assert!(file.len() as u64 <= length, "more than was promised");
        }
        from = to;
    }
    form.finish()?;
    assert_eq!(form.file_length(), Some(file.len() as u64));
    let purpose = form.purpose();
    Ok(Taken { file, purpose })
}

fn taken(file: &[u8], purpose: Option<Purpose>) -> Taken {
    Taken {
        file: file.to_vec(),
        purpose,
    }
}

#[test]
fn a_file_comes_out_whatever_its_size_and_pieces() {
    for size in [
        0,
        1,
        100,
        READ_AHEAD - 40,
        READ_AHEAD,
        READ_AHEAD + 200,
        300_000,
    ] {
        let file: Vec<u8> = (0..size).map(|n| u8::try_from(n % 251).unwrap()).collect();
        let body = form("----WebKitFormBoundaryA", &[(FILE, &file)], "--\r\n");
        for piece in [3, 64, 4_096, 65_536, usize::MAX] {
            let result = take("----WebKitFormBoundaryA", &body, piece);
            assert!(
                result == Ok(taken(&file, None)),
                "{size} bytes in pieces of {piece}"
            );
        }
    }
}

#[test]
fn fields_may_come_before_the_file() {
    let other = "content-disposition: form-data; name=\"csrf\"";
    let parts: [(&str, &[u8]); 3] = [(other, b""), (PURPOSE, b"avatar"), (FILE, b"JPEG\r\n--x")];
    let body = form("xY", &parts, "--\r\n");
    for piece in 1..body.len() {
        let result = take("xY", &body, piece);
        assert_eq!(result, Ok(taken(b"JPEG\r\n--x", Some(Purpose::Avatar))));
    }
}

#[test]
fn a_preamble_and_padding_are_passed_over() {
    let mut body = b"This is a multipart message.\r\n".to_vec();
    body.extend(form("b", &[(FILE, b"data")], "--\r\n"));
    let text = String::from_utf8(body).unwrap();
    let body = text.replacen("--b\r\n", "--b \t\r\n", 1);
    for piece in 1..40 {
        assert_eq!(take("b", body.as_bytes(), piece), Ok(taken(b"data", None)));
    }
}

#[test]
fn the_last_line_break_may_be_missing_where_that_can_be_known() {
    let small = form("b", &[(FILE, b"data")], "--");
    assert_eq!(take("b", &small, 3), Ok(taken(b"data", None)));

    let large = vec![9; 70_000];
    let unknown = form("b", &[(FILE, &large)], "--");
    assert_eq!(take("b", &unknown, 4_096), Err(FormError::Ending));

    let told = format!("{FILE}\r\nContent-Length: 70000");
    for end in ["--", "--\r\n"] {
        let known = form("b", &[(&told, &large)], end);
        assert!(take("b", &known, 4_096) == Ok(taken(&large, None)), "{end}");
    }
}

#[test]
fn the_file_is_the_last_part_and_the_only_one() {
    for size in [10, 70_000] {
        let file = vec![7; size];
        let two = form("b", &[(FILE, &file), (FILE, &file)], "--\r\n");
        let field_after = form("b", &[(FILE, &file), (PURPOSE, b"avatar")], "--\r\n");
        for body in [two, field_after] {
            for piece in [11, 4_096, usize::MAX] {
                assert_eq!(
                    take("b", &body, piece),
                    Err(FormError::NotLast),
                    "{size}, {piece}"
                );
            }
        }
    }
}

#[test]
fn another_ending_is_refused() {
    for size in [10, 70_000] {
        let file = vec![7; size];
        for end in [
            "",
            "--\r\n\r\n",
            "--\n",
            "-x\r\n",
            "--\r\nepilogue",
            "-- \r\n",
        ] {
            let body = form("b", &[(FILE, &file)], end);
            for piece in [11, 4_096, usize::MAX] {
                let result = take("b", &body, piece);
                let refused = matches!(result, Err(FormError::Ending | FormError::NotLast));
                assert!(
                    refused,
                    "{size} bytes, {end:?}, {piece}: {:?}",
                    result.err()
                );
            }
        }
        let mut cut = form("b", &[(FILE, &file)], "--\r\n");
        cut.truncate(cut.len() - 9);
        assert_eq!(take("b", &cut, 4_096).err(), Some(FormError::Ending));
        let wrong = form("c", &[(FILE, &file)], "--\r\n");
        assert!(take("b", &wrong, 4_096).is_err());
    }
}

#[test]
fn what_is_no_upload_is_refused() {
    let refused = |parts: &[(&str, &[u8])]| {
        let body = form("b", parts, "--\r\n");
        let one = take("b", &body, usize::MAX).expect_err("refused");
        assert_eq!(take("b", &body, 1), Err(one));
        one
    };
    assert_eq!(refused(&[(PURPOSE, b"avatar")]), FormError::NoFile);
    assert_eq!(take("b", b"--b--\r\n", 1), Err(FormError::NoFile));
    assert_eq!(take("b", b"", 1), Err(FormError::NoFile));
    assert_eq!(take("b", b"no form at all", 1), Err(FormError::NoFile));
    assert_eq!(
        refused(&[(PURPOSE, b"selfie"), (FILE, b"x")]),
        FormError::Purpose
    );
    let twice: [(&str, &[u8]); 3] = [(PURPOSE, b"avatar"), (PURPOSE, b"avatar"), (FILE, b"x")];
    assert_eq!(refused(&twice), FormError::Purpose);
    let malformed = refused(&[("Content-Type: text/plain", b"x")]);
    assert!(matches!(malformed, FormError::Malformed(_)));
    assert!(matches!(
        take("b", b"--bb\r\n", 1),
        Err(FormError::Malformed(_))
    ));
    let wrong_length = format!("{FILE}\r\nContent-Length: 5");
    assert_eq!(refused(&[(&wrong_length, b"four")]), FormError::PartLength);
}

#[test]
fn what_comes_before_the_file_is_bounded() {
    let field = "Content-Disposition: form-data; name=\"x\"";
    let with = |fields: usize, size: usize| {
        let value = vec![b'v'; size];
        let mut parts: Vec<(&str, &[u8])> = vec![(field, &value); fields];
        parts.push((FILE, b"data"));
        form("b", &parts, "--\r\n")
    };
    for piece in [1, 64, usize::MAX] {
        let ok = with(limits::FORM_FIELDS, 1_000);
        assert_eq!(take("b", &ok, piece), Ok(taken(b"data", None)));
        for body in [
            with(limits::FORM_FIELDS + 1, 0),
            with(1, limits::FORM_OPENING),
        ] {
            assert_eq!(take("b", &body, piece), Err(FormError::TooMuchBefore));
        }
    }
    let endless = vec![b'a'; limits::FORM_OPENING + 1];
    assert_eq!(take("b", &endless, 100), Err(FormError::TooMuchBefore));
}

#[test]
fn boundaries_are_those_of_the_standard() {
    for good in [
        "multipart/form-data; boundary=x",
        "multipart/form-data;charset=utf-8; Boundary=\"a b:c\"",
        &format!("multipart/form-data; boundary={}", "x".repeat(70)),
    ] {
        assert!(Boundary::of(good).is_ok(), "{good}");
    }
    for bad in [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=\"\"",
        "multipart/form-data; boundary=a; boundary=b",
        "multipart/form-data; boundary=\"a \"",
        "multipart/form-data; boundary=a\u{e4}",
        &format!("multipart/form-data; boundary={}", "x".repeat(71)),
    ] {
        assert_eq!(Boundary::of(bad).err(), Some(FormError::Boundary), "{bad}");
    }
}

fn cuts(length: usize) -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(0..=length, 0..12).prop_map(|mut cuts| {
        cuts.sort_unstable();
        cuts
    })
}

/// Bytes that are full of what delimiters are made of.
fn treacherous(most: usize) -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"\r\n".to_vec()),
        Just(b"\r\n--".to_vec()),
        Just(b"\r\n--b".to_vec()),
        Just(b"--b".to_vec()),
        Just(b"--".to_vec()),
        prop::collection::vec(any::<u8>(), 0..9),
    ];
    prop::collection::vec(piece, 0..most).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_cut_gives_the_same(
        body in treacherous(40).prop_map(|file| form("bo", &[(PURPOSE, b"avatar"), (FILE, &file)], "--\r\n")),
        seed in cuts(1_000),
    ) {
        let cuts: Vec<usize> = seed.iter().map(|cut| (*cut).min(body.len())).collect();
        let whole = take("bo", &body, usize::MAX);
        prop_assert_eq!(take_cut("bo", &body, &cuts), whole.clone());
        prop_assert_eq!(take("bo", &body, 1), whole);
    }

    #[test]
    fn what_comes_out_is_what_went_in(file in treacherous(40), large in any::<bool>()) {
        let mut file = file;
        if large {
            file.resize(file.len() + READ_AHEAD + 1_000, b'-');
        }
        prop_assume!(memchr::memmem::find(&file, b"\r\n--bo").is_none());
        let body = form("bo", &[(FILE, &file)], "--\r\n");
        prop_assert!(take("bo", &body, 977) == Ok(taken(&file, None)));
    }

    #[test]
    fn garbage_never_panics(start in any::<bool>(), garbage in treacherous(60), cuts in cuts(400)) {
        let mut body = if start { b"--b\r\n".to_vec() } else { Vec::new() };
        body.extend(garbage);
        let cuts: Vec<usize> = cuts.iter().map(|cut| (*cut).min(body.len())).collect();
        let _ = take_cut("b", &body, &cuts);
        let text = String::from_utf8_lossy(&body);
        let _ = Boundary::of(&text);
    }

    #[test]
    fn a_changed_byte_is_never_a_longer_file(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut body = form("bo", &[(FILE, b"0123456789")], "--\r\n");
        let at = at.index(body.len());
        body[at] = byte;
        if let Ok(taken) = take("bo", &body, 5) {
            prop_assert!(taken.file.len() <= 12);
            prop_assert!(memchr::memmem::find(&taken.file, b"\r\n--bo").is_none());
        }
    }
}
