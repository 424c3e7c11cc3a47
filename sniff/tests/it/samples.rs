//! The files of `tests/fixtures`.

use std::fs;
use std::path::Path;

use sluicegate_sniff::{HEAD, Inspection, Kind, Picture, Refusal, inspect};

pub(crate) const PICTURES: [(&str, Kind, u32, u32, bool); 10] = [
    ("photo.jpg", Kind::Jpeg, 1600, 1200, false),
    ("photo.png", Kind::Png, 240, 180, false),
    ("photo.webp", Kind::Webp, 480, 360, false),
    ("png-named.jpg", Kind::Png, 160, 120, false),
    ("polyglot.jpg", Kind::Jpeg, 480, 360, false),
    ("truncated.jpg", Kind::Jpeg, 480, 360, false),
    ("animated.webp", Kind::Webp, 64, 64, true),
    ("animated.png", Kind::Png, 64, 64, true),
    ("bomb.webp", Kind::Webp, 16_383, 16_383, false),
    ("huge.png", Kind::Png, 30_000, 30_000, false),
];

pub(crate) fn read(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/fixtures")
        .join(name);
    match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) => panic!("{}: {error}", path.display()),
    }
}

pub(crate) fn whole(bytes: &[u8]) -> Inspection {
    inspect(bytes, bytes.len() as u64)
}

#[test]
fn every_picture_is_told_by_its_content() {
    for (name, kind, width, height, animated) in PICTURES {
        let expected = Inspection::Picture(Picture {
            kind,
            width,
            height,
            animated,
        });
        assert_eq!(whole(&read(name)), expected, "{name}");
    }
}

#[test]
fn text_is_unsupported_from_its_first_byte() {
    let text = read("text-named.jpg");
    let refused = Inspection::Refused(Refusal::Unsupported);
    assert_eq!(whole(&text), refused);
    assert_eq!(inspect(&text[..1], text.len() as u64), refused);
}

#[test]
fn a_longer_head_never_changes_an_answer() {
    for (name, ..) in PICTURES {
        let bytes = read(name);
        let total = bytes.len() as u64;
        let head = &bytes[..bytes.len().min(HEAD)];
        let answer = inspect(head, total);
        assert_ne!(answer, Inspection::NeedMore, "{name}");
        let mut decided = false;
        for length in 0..=head.len() {
            let early = inspect(&bytes[..length], total);
            decided |= early != Inspection::NeedMore;
            assert_eq!(
                early,
                if decided {
                    answer
                } else {
                    Inspection::NeedMore
                },
                "{name} {length}"
            );
        }
    }
}

#[test]
fn a_file_cut_before_its_pixels_is_no_picture() {
    for (name, ..) in PICTURES {
        let bytes = read(name);
        for length in 0..20 {
            let cut = whole(&bytes[..length]);
            assert!(
                matches!(cut, Inspection::Refused(_)),
                "{name} {length}: {cut:?}"
            );
        }
    }
}

#[test]
fn a_webp_that_was_cut_is_broken() {
    let bytes = read("photo.webp");
    for length in [12, 20, 30, bytes.len() / 2, bytes.len() - 1] {
        assert_eq!(
            whole(&bytes[..length]),
            Inspection::Refused(Refusal::Broken),
            "{length}"
        );
    }
}
