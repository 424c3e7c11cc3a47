//! Forms: however the body is cut into pieces, the same file comes out of it, and nothing else.

#![expect(clippy::expect_used, reason = "what must hold")]

use sluicegate_contract::uploads::Purpose;
use sluicegate_policy::multipart::{Boundary, Form, FormError};

const DELIMITER: &[u8] = b"\r\n--x";
/// Enough for a file not to be read ahead.
const FILLER: usize = 66_000;

/// The first byte says how the rest is cut, and whether its first part becomes a long one.
pub fn run(data: &[u8]) {
    let Some((how, body)) = data.split_first() else {
        return;
    };
    if let Ok(text) = std::str::from_utf8(body) {
        let _ = Boundary::of(text);
    }
    let cut = usize::from(how & 0x7f) * 7 + 1;
    let (body, cut) = if how & 0x80 == 0 {
        (body.to_vec(), cut)
    } else {
        (lengthened(body), cut + 4_096)
    };
    let whole = take(&body, body.len().max(1));
    let pieces = take(&body, cut);
    let (whole, pieces) = (whole.ok(), pieces.ok());
    assert_eq!(whole, pieces, "as one piece, and as several");
    if let Some((file, _)) = whole {
        assert!(
            find(&file, DELIMITER).is_none(),
            "the form goes on in the file"
        );
        let before = body.strip_suffix(b"\r\n").unwrap_or(&body);
        let before = before
            .strip_suffix(b"\r\n--x--")
            .expect("a closing delimiter");
        assert!(before.ends_with(&file), "the file is what stands before it");
    }
}

type Taken = (Vec<u8>, Option<Purpose>);

fn take(body: &[u8], piece: usize) -> Result<Taken, FormError> {
    let boundary = Boundary::of("multipart/form-data; boundary=x")?;
    let mut form = Form::new(boundary, body.len() as u64);
    let mut file = Vec::new();
    for piece in body.chunks(piece) {
        let mut piece = piece.to_vec();
        form.push(&mut piece)?;
        file.extend_from_slice(&piece);
        if let Some(length) = form.file_length() {
            assert!(file.len() as u64 <= length, "more than was promised");
        } else {
            assert!(file.is_empty(), "something before its length is known");
        }
    }
    form.finish()?;
    assert_eq!(form.file_length(), Some(file.len() as u64));
    Ok((file, form.purpose()))
}

fn lengthened(body: &[u8]) -> Vec<u8> {
    let at = find(body, b"\r\n\r\n").map_or(body.len(), |at| at + 4);
    let (before, after) = body.split_at(at);
    [before, &vec![b'a'; FILLER], after].concat()
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    let (first, _) = wanted.split_first()?;
    let mut at = 0;
    loop {
        let rest = bytes.get(at..)?;
        at += rest.iter().position(|byte| byte == first)?;
        if bytes.get(at..)?.starts_with(wanted) {
            return Some(at);
        }
        at += 1;
    }
}
