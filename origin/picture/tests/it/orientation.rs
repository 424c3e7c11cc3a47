#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, ImageEncoder, ImageFormat, Rgb, RgbImage};
use sluicegate_contract::uploads::Purpose;

use crate::support::{decoded, is_near, make};

const UPPER_LEFT: [u8; 3] = [220, 30, 30];
const UPPER_RIGHT: [u8; 3] = [30, 200, 30];
const LOWER_LEFT: [u8; 3] = [30, 30, 220];
const LOWER_RIGHT: [u8; 3] = [230, 220, 40];

/// For each EXIF orientation, where the corners of the stored picture are to be seen: upper left, upper
/// right, lower left, lower right of what one looks at.
const SEEN: [(u8, [[u8; 3]; 4]); 8] = [
    (1, [UPPER_LEFT, UPPER_RIGHT, LOWER_LEFT, LOWER_RIGHT]),
    (2, [UPPER_RIGHT, UPPER_LEFT, LOWER_RIGHT, LOWER_LEFT]),
    (3, [LOWER_RIGHT, LOWER_LEFT, UPPER_RIGHT, UPPER_LEFT]),
    (4, [LOWER_LEFT, LOWER_RIGHT, UPPER_LEFT, UPPER_RIGHT]),
    (5, [UPPER_LEFT, LOWER_LEFT, UPPER_RIGHT, LOWER_RIGHT]),
    (6, [LOWER_LEFT, UPPER_LEFT, LOWER_RIGHT, UPPER_RIGHT]),
    (7, [LOWER_RIGHT, UPPER_RIGHT, LOWER_LEFT, UPPER_LEFT]),
    (8, [UPPER_RIGHT, LOWER_RIGHT, UPPER_LEFT, LOWER_LEFT]),
];

fn quarters(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        Rgb(match (x < width / 2, y < height / 2) {
            (true, true) => UPPER_LEFT,
            (false, true) => UPPER_RIGHT,
            (true, false) => LOWER_LEFT,
            (false, false) => LOWER_RIGHT,
        })
    })
}

/// TIFF with one entry: tag 0x0112, one short.
fn exif(orientation: u8) -> Vec<u8> {
    [
        &b"MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0"[..],
        &[orientation],
        &[0; 6],
    ]
    .concat()
}

fn stored(width: u32, height: u32, orientation: u8) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut out, 92);
    encoder.set_exif_metadata(exif(orientation)).unwrap();
    DynamicImage::from(quarters(width, height))
        .write_with_encoder(encoder)
        .unwrap();
    out
}

async fn check(purpose: Purpose, stored_size: (u32, u32), upright_size: (u32, u32)) {
    for (orientation, corners) in SEEN {
        let (width, height) = stored_size;
        let made = make(&stored(width, height, orientation), purpose).await;
        let (width, height) = if orientation < 5 {
            upright_size
        } else {
            (upright_size.1, upright_size.0)
        };
        assert_eq!((made.width, made.height), (width, height), "{orientation}");
        for picture in [
            decoded(&made.webp, ImageFormat::WebP),
            decoded(&made.preview, ImageFormat::Jpeg),
        ] {
            let picture = picture.into_rgb8();
            let (right, low) = (picture.width() * 9 / 10, picture.height() * 9 / 10);
            let (left, high) = (picture.width() / 10, picture.height() / 10);
            let places = [(left, high), (right, high), (left, low), (right, low)];
            for ((x, y), wanted) in places.into_iter().zip(corners) {
                let found = picture.get_pixel(x, y);
                assert!(
                    is_near(&found.0, wanted),
                    "{orientation} ({x}, {y}): {found:?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn small_pictures_are_turned() {
    check(Purpose::PostHeader, (160, 96), (160, 96)).await;
}

#[tokio::test]
async fn pictures_that_are_cut_and_scaled_are_turned() {
    check(Purpose::Avatar, (1000, 700), (400, 400)).await;
}

#[tokio::test]
async fn a_header_is_cut_from_what_one_looks_at() {
    for (orientation, size) in [(1, (1200, 300)), (6, (1200, 300)), (8, (1200, 300))] {
        let made = make(&stored(1400, 1300, orientation), Purpose::ProfileHeader).await;
        assert_eq!((made.width, made.height), size, "{orientation}");
    }
}
