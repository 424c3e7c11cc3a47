//! Nothing of what a photo tells beside its pixels leaves the maker.

#![expect(
    clippy::indexing_slicing,
    clippy::expect_used,
    reason = "helpers of tests"
)]

use image::ImageFormat;
use sluicegate_contract::uploads::Purpose;
use sluicegate_core::ports::PictureMaker;

use crate::support::{decoded, fixture, make, maker, stream_of};

/// What gives metadata away: the words of the fixtures, and how each kind begins.
const TRACES: [&[u8]; 24] = [
    b"-trace",
    b"Tagged camera",
    b"2026:11:24",
    b"Procedural",
    b"Sluicegate",
    b"Exif",
    b"EXIF",
    b"eXIf",
    b"II*\0",
    b"MM\0*",
    b"adobe",
    b"Adobe",
    b"xmp",
    b"XMP",
    b"rdf:",
    b"8BIM",
    b"Photoshop",
    b"ICC_PROFILE",
    b"ICCP",
    b"acsp",
    b"tEXt",
    b"iTXt",
    b"zTXt",
    b"VP8X",
];

fn holds(file: &[u8], wanted: &[u8]) -> bool {
    file.windows(wanted.len()).any(|part| part == wanted)
}

/// The names of the chunks of a WebP.
fn chunks(webp: &[u8]) -> Vec<String> {
    let mut rest = &webp[12..];
    let mut names = Vec::new();
    while let [n1, n2, n3, n4, l1, l2, l3, l4, behind @ ..] = rest {
        names.push(String::from_utf8_lossy(&[*n1, *n2, *n3, *n4]).into_owned());
        let length = usize::try_from(u32::from_le_bytes([*l1, *l2, *l3, *l4])).unwrap_or(0);
        rest = behind.get(length + length % 2..).unwrap_or_default();
    }
    names
}

/// The markers of a JPEG up to its scan.
fn markers(jpeg: &[u8]) -> Vec<u8> {
    let (mut rest, mut markers) = (&jpeg[2..], Vec::new());
    while let [0xff, code, l1, l2, ..] = rest {
        markers.push(*code);
        rest = &rest[2 + usize::from(u16::from_be_bytes([*l1, *l2]))..];
        if *code == 0xda {
            break;
        }
    }
    markers
}

/// Nothing but pixels is in anything made of a fixture; `words` are what it says beside the traces that all leave.
async fn only_pixels_are_left(name: &str, words: &[&str]) {
    let traces = words.iter().map(|word| word.as_bytes()).chain(TRACES);
    let traces: Vec<&[u8]> = traces.collect();
    for purpose in Purpose::ALL {
        let made = make(&fixture(name), purpose).await;
        let again = maker()
            .preview(stream_of(&made.webp))
            .await
            .expect("a preview");
        for file in [&made.webp, &made.preview, &again] {
            for trace in &traces {
                let trace_text = String::from_utf8_lossy(trace);
                assert!(!holds(file, trace), "{name}, {purpose:?}: {trace_text}");
            }
        }
        let chunks = chunks(&made.webp);
        assert!(chunks == ["VP8 "], "{name}: {chunks:?}");
        for preview in [&made.preview, &again] {
            let markers = markers(preview);
            // JFIF's own header, tables, the frame and the scan.
            let are_pixels = markers
                .iter()
                .all(|code| [0xe0, 0xdb, 0xc0, 0xc4, 0xda].contains(code));
            assert!(are_pixels, "{name}: {markers:x?}");
        }
    }
}

#[tokio::test]
async fn no_metadata_of_any_kind_is_left() {
    let (jpeg, png) = (fixture("tagged.jpg"), fixture("tagged.png"));
    for wanted in [
        "exif-trace",
        "xmp-trace",
        "iptc-trace",
        "comment-trace",
        "thumbnail-trace",
        "GPSLatitude",
    ] {
        assert!(
            holds(&jpeg, wanted.as_bytes()),
            "{wanted} is what is looked for"
        );
    }
    for wanted in ["exif-trace", "xmp-trace", "text-trace", "thumbnail-trace"] {
        assert!(
            holds(&png, wanted.as_bytes()),
            "{wanted} is what is looked for"
        );
    }
    for name in ["tagged.jpg", "tagged.png", "tagged.webp", "photo.jpg"] {
        only_pixels_are_left(name, &[]).await;
    }
}

#[tokio::test]
async fn no_metadata_of_real_cameras_is_left() {
    // A word of each part: EXIF, maker's notes or an editor's settings, XMP, IPTC.
    let phone = ["iPhone 4S", "Apple iOS", "back camera", "GPano"];
    let camera = ["Canon", "IMG:PowerShot", "Firmware Version"];
    // The EXIF tag that leads to a position (CIPA DC-008, 4.6.3), in either order of bytes.
    for (name, tag) in [
        ("photos/phone.jpg", b"\x88\x25\0\x04\0\0\0\x01"),
        ("photos/edited.jpg", b"\x25\x88\x04\0\x01\0\0\0"),
    ] {
        assert!(holds(&fixture(name), tag), "{name} says where it was taken");
    }
    let edited = ["PENTAX", "Torremolinos", "Iptc4xmpCore", "crs:", "IEC61966"];
    for (name, words) in [
        ("photos/phone.jpg", &phone[..]),
        ("photos/camera.jpg", &camera),
        ("photos/edited.jpg", &edited),
    ] {
        let file = fixture(name);
        for word in words {
            assert!(holds(&file, word.as_bytes()), "{name} says {word}");
        }
        only_pixels_are_left(name, words).await;
    }
}

#[tokio::test]
async fn what_the_metadata_says_of_the_pixels_is_done() {
    for (name, size) in [
        ("tagged.jpg", (480, 360)),
        ("tagged.webp", (480, 360)),
        ("tagged.png", (180, 240)),
        ("photos/phone.jpg", (102, 205)),
    ] {
        let made = make(&fixture(name), Purpose::PostHeader).await;
        assert_eq!((made.width, made.height), size, "{name} is upright");
        let preview = decoded(&made.preview, ImageFormat::Jpeg);
        assert_eq!((preview.width(), preview.height()), size, "{name}");
    }
    // The sun is at the upper right of the scene, and brighter than the water at its lower left.
    let made = make(&fixture("tagged.jpg"), Purpose::PostHeader).await;
    let picture = decoded(&made.webp, ImageFormat::WebP).into_luma8();
    assert!(picture.get_pixel(326, 108)[0] > picture.get_pixel(48, 342)[0] + 80);
}
