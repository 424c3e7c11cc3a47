#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests"
)]

use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, ImageEncoder, ImageFormat, Rgb, RgbImage};
use proptest::prelude::*;
use sluicegate_contract::uploads::Purpose;
use sluicegate_core::ports::{MadePicture, PictureMaker};

use crate::png;
use crate::support::{decoded, fixture, make, maker, stream_of, word};

const STORED: [[u8; 3]; 5] = [
    [200, 100, 50],
    [60, 140, 90],
    [120, 120, 120],
    [250, 60, 40],
    [30, 40, 160],
];
/// The same, read as Display P3, in sRGB: by `LittleCMS`.
const SEEN: [[u8; 3]; 5] = [
    [215, 93, 31],
    [0, 142, 85],
    [120, 120, 120],
    [255, 20, 3],
    [27, 40, 167],
];
/// What lossy encoding adds to the two levels within which the conversion itself has to be.
const LOSS: u8 = 3;

/// The middles of the squares.
fn squares(picture: &DynamicImage, count: u32) -> Vec<[u8; 3]> {
    let picture = picture.to_rgb8();
    let side = picture.width() / count;
    let middle = |index| {
        picture
            .get_pixel(index * side + side / 2, picture.height() / 2)
            .0
    };
    (0..count).map(middle).collect()
}

#[track_caller]
fn assert_near(found: &[[u8; 3]], wanted: &[[u8; 3]], most: u8, what: &str) {
    let distance = |(a, b): (&u8, &u8)| a.abs_diff(*b);
    let worst = found
        .as_flattened()
        .iter()
        .zip(wanted.as_flattened())
        .map(distance)
        .max();
    assert_eq!(found.len(), wanted.len(), "{what}");
    assert!(
        worst.unwrap_or_default() <= most,
        "{what}: {found:?}, not {wanted:?}"
    );
}

/// In the rendition and in what detectors see.
#[track_caller]
fn assert_shows(made: &MadePicture, wanted: &[[u8; 3]], what: &str) {
    let count = u32::try_from(wanted.len()).unwrap();
    let webp = decoded(&made.webp, ImageFormat::WebP);
    assert_near(&squares(&webp, count), wanted, 2 + LOSS, what);
    let preview = decoded(&made.preview, ImageFormat::Jpeg);
    assert_near(&squares(&preview, count), wanted, 2 + LOSS, what);
}

async fn shows(file: &[u8], wanted: &[[u8; 3]], what: &str) {
    assert_shows(&make(file, Purpose::PostHeader).await, wanted, what);
}

#[tokio::test]
async fn a_display_p3_photo_looks_the_same() {
    for name in ["p3.png", "p3.jpg", "p3.webp"] {
        shows(&fixture(name), &SEEN, name).await;
    }
}

#[tokio::test]
async fn greys_with_a_profile_of_their_own_look_the_same() {
    let seen = [[55; 3], [128; 3], [188; 3], [229; 3]];
    for name in ["grey.png", "grey.jpg"] {
        shows(&fixture(name), &seen, name).await;
    }
}

#[tokio::test]
async fn cmyk_as_adobe_stores_it_is_shown() {
    let seen = [
        [0, 255, 255],
        [255, 0, 255],
        [255, 255, 0],
        [0; 3],
        [255; 3],
    ];
    shows(&fixture("cmyk.jpg"), &seen, "cmyk.jpg").await;
}

#[tokio::test]
async fn a_profile_for_other_values_than_the_pixels_is_passed_over() {
    let grey = profile(&fixture("grey.png"));
    let file = with_profile(&grey);
    shows(&file, &STORED, "a profile of greys on colours").await;
}

#[tokio::test]
async fn what_a_png_says_of_its_colours_counts_in_order() {
    let (tagged, no_profile) = (fixture("p3.png"), &[b"iCCP"]);
    let plain = png::with(&tagged, &[], no_profile);
    shows(&plain, &STORED, "nothing said").await;
    let p3: (&[u8; 4], &[u8]) = (b"cICP", &[12, 13, 0, 1]);
    let srgb: (&[u8; 4], &[u8]) = (b"sRGB", &[0]);
    let gamma: (&[u8; 4], &[u8]) = (b"gAMA", &100_000_u32.to_be_bytes());
    let pq: (&[u8; 4], &[u8]) = (b"cICP", &[9, 16, 0, 1]);
    shows(&png::with(&plain, &[p3], &[]), &SEEN, "cICP alone").await;
    shows(&png::with(&plain, &[gamma], &[]), &STORED, "gAMA alone").await;
    shows(&png::with(&plain, &[srgb], &[]), &STORED, "sRGB alone").await;
    shows(
        &png::with(&tagged, &[gamma], &[]),
        &SEEN,
        "iCCP before gAMA",
    )
    .await;
    let plain_cicp: (&[u8; 4], &[u8]) = (b"cICP", &[1, 13, 0, 1]);
    shows(
        &png::with(&tagged, &[plain_cicp], &[]),
        &STORED,
        "cICP before iCCP",
    )
    .await;
    shows(
        &png::with(&tagged, &[pq], &[]),
        &SEEN,
        "iCCP where cICP is of another kind",
    )
    .await;
}

/// The profile of a picture, by another decoder's reading.
fn profile(file: &[u8]) -> Vec<u8> {
    let mut reader = image::ImageReader::new(std::io::Cursor::new(file));
    reader.set_format(image::guess_format(file).unwrap());
    let mut decoder = reader.into_decoder().unwrap();
    image::ImageDecoder::icc_profile(&mut decoder)
        .unwrap()
        .unwrap()
}

/// The squares as a JPEG with that profile.
fn with_profile(profile: &[u8]) -> Vec<u8> {
    let picture = RgbImage::from_fn(160, 32, |x, _| Rgb(STORED[x as usize / 32]));
    let mut file = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut file, 97);
    encoder.set_icc_profile(profile.to_vec()).unwrap();
    DynamicImage::from(picture)
        .write_with_encoder(encoder)
        .unwrap();
    file
}

#[tokio::test]
async fn broken_and_oversized_profiles_are_as_if_not_there() {
    let sound = profile(&fixture("p3.png"));
    shows(&with_profile(&sound), &SEEN, "sound").await;
    let mut many_tags = sound.clone();
    many_tags[128..132].copy_from_slice(&u32::MAX.to_be_bytes());
    let mut black = sound.clone();
    for tag in black
        .windows(4)
        .enumerate()
        .filter(|(_, t)| t == b"XYZ ")
        .map(|(at, _)| at)
        .collect::<Vec<_>>()
    {
        if tag > 128 {
            black[tag + 8..tag + 20].fill(0);
        }
    }
    let mut large = sound.clone();
    large.resize(3 * 1024 * 1024, 0);
    for (what, profile) in [
        ("one byte", vec![0]),
        ("text", b"no profile at all".repeat(40)),
        ("zeros", vec![0; 4096]),
        ("no tags", sound[..128].to_vec()),
        ("cut", sound[..sound.len() / 2].to_vec()),
        ("many tags", many_tags),
        ("all is black", black),
        ("large", large),
    ] {
        shows(&with_profile(&profile), &STORED, what).await;
    }
}

#[tokio::test]
async fn a_profile_that_inflates_without_end_is_as_if_not_there() {
    let made = make(&fixture("bomb-chunks.png"), Purpose::Avatar).await;
    assert_eq!((made.width, made.height), (16, 16));
}

#[tokio::test]
async fn transparency_survives_the_conversion() {
    let plain = make(&fixture("photo.png"), Purpose::PostHeader).await;
    let p3: (&[u8; 4], &[u8]) = (b"cICP", &[12, 13, 0, 1]);
    let tagged = png::with(&fixture("photo.png"), &[p3], &[]);
    let tagged = make(&tagged, Purpose::PostHeader).await;
    let alphas = |made: &MadePicture| -> Vec<u8> {
        let picture = decoded(&made.webp, ImageFormat::WebP).into_rgba8();
        picture.pixels().map(|pixel| pixel[3]).collect()
    };
    assert_ne!(plain.webp, tagged.webp);
    assert_eq!(alphas(&plain), alphas(&tagged));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn damaged_profiles_never_cost_a_picture(
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..30),
        cut in any::<proptest::sample::Index>(),
    ) {
        let mut profile = profile(&fixture("p3.png"));
        for (at, value) in changes {
            let at = at.index(profile.len());
            profile[at] = value;
        }
        if cut.index(4) == 0 {
            profile.truncate(cut.index(profile.len()).max(1));
        }
        let file = with_profile(&profile);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let word = word(runtime.block_on(maker().make(stream_of(&file), Purpose::Avatar)));
        prop_assert_eq!(word, "made");
    }
}
