use image::ImageFormat;
use sha2::{Digest, Sha256};
use sluicegate_contract::uploads::Purpose;
use sluicegate_core::ports::PictureMaker;

use crate::support::{decoded, encoded, fixture, is_near, make, maker, patchwork, stream_of};

#[tokio::test]
async fn a_photo_becomes_each_rendition() {
    let photo = fixture("photo.jpg");
    for (purpose, width, height) in [
        (Purpose::Avatar, 400, 400),
        (Purpose::ProfileHeader, 1200, 300),
        (Purpose::PostHeader, 1200, 1600),
    ] {
        let made = make(&photo, purpose).await;
        assert_eq!((made.width, made.height), (width, height), "{purpose:?}");
        let webp = decoded(&made.webp, ImageFormat::WebP);
        assert_eq!((webp.width(), webp.height()), (width, height));
        assert_eq!(made.source_sha256, hex::encode(Sha256::digest(&photo)));
        assert_eq!(made.blurhash.len(), 28);
    }
}

#[tokio::test]
async fn a_photo_is_upright_and_its_preview_too() {
    let made = make(&fixture("photo.jpg"), Purpose::PostHeader).await;
    let preview = decoded(&made.preview, ImageFormat::Jpeg);
    assert_eq!((preview.width(), preview.height()), (384, 512));
    for picture in [decoded(&made.webp, ImageFormat::WebP), preview] {
        let picture = picture.into_rgb8();
        let at = |x: u32, y: u32| {
            picture.get_pixel(picture.width() * x / 100, picture.height() * y / 100)
        };
        let sun = at(68, 30);
        assert!(is_near(&sun.0, [255, 244, 200]), "{sun:?}");
        let water = at(10, 95);
        assert!(water[2] > water[0] + 30, "{water:?}");
    }
}

#[tokio::test]
async fn metadata_is_gone() {
    let photo = fixture("photo.jpg");
    let holds = |file: &[u8], wanted: &[u8]| file.windows(wanted.len()).any(|part| part == wanted);
    assert!(holds(&photo, b"Procedural camera") && holds(&photo, b"2026:11:24"));
    for purpose in Purpose::ALL {
        let made = make(&photo, purpose).await;
        for file in [&made.webp, &made.preview] {
            for trace in [
                &b"Procedural"[..],
                b"Sluicegate",
                b"2026:11:24",
                b"Exif",
                b"EXIF",
                b"VP8X",
            ] {
                assert!(!holds(file, trace), "{:?}", String::from_utf8_lossy(trace));
            }
        }
    }
}

#[tokio::test]
async fn every_still_fixture_is_made() {
    for (name, width, height) in [
        ("photo.png", 240, 180),
        ("photo.webp", 480, 360),
        ("png-named.jpg", 160, 120),
        ("unsafe.png", 256, 256),
        ("polyglot.jpg", 480, 360),
    ] {
        let made = make(&fixture(name), Purpose::PostHeader).await;
        assert_eq!((made.width, made.height), (width, height), "{name}");
    }
}

#[tokio::test]
async fn small_pictures_are_cut_but_never_enlarged() {
    let file = encoded(&patchwork(90, 50), ImageFormat::Png);
    for (purpose, size) in [
        (Purpose::Avatar, (50, 50)),
        (Purpose::ProfileHeader, (90, 23)),
        (Purpose::PostHeader, (90, 50)),
    ] {
        let made = make(&file, purpose).await;
        assert_eq!((made.width, made.height), size, "{purpose:?}");
    }
    let made = make(
        &encoded(&patchwork(1, 1), ImageFormat::Png),
        Purpose::Avatar,
    )
    .await;
    assert_eq!((made.width, made.height), (1, 1));
}

#[tokio::test]
async fn transparency_stays_in_the_picture_and_is_white_in_the_preview() {
    for purpose in [Purpose::PostHeader, Purpose::Avatar] {
        let made = make(&fixture("photo.png"), purpose).await;
        let webp = decoded(&made.webp, ImageFormat::WebP);
        assert!(webp.color().has_alpha());
        let webp = webp.into_rgba8();
        let right = webp.get_pixel(webp.width() - 1, webp.height() / 2);
        assert!(right[3] < 60, "{right:?}");
        let preview = decoded(&made.preview, ImageFormat::Jpeg).into_rgb8();
        let middle = preview.height() / 2;
        let brightness = |x| {
            preview
                .get_pixel(x, middle)
                .0
                .iter()
                .map(|c| u32::from(*c))
                .sum::<u32>()
        };
        assert!(brightness(preview.width() - 1) > brightness(0) + 60);
    }
}

#[tokio::test]
async fn an_alpha_channel_that_says_nothing_is_dropped() {
    let image = image::DynamicImage::from(patchwork(64, 64).into_rgba8());
    let made = make(&encoded(&image, ImageFormat::Png), Purpose::Avatar).await;
    assert!(!decoded(&made.webp, ImageFormat::WebP).color().has_alpha());
}

#[tokio::test]
async fn sixteen_bits_and_greys_are_taken() {
    let grey = image::DynamicImage::from(patchwork(64, 48).into_luma8());
    let deep = image::DynamicImage::from(patchwork(64, 48).into_rgba16());
    let deep_grey = image::DynamicImage::from(patchwork(64, 48).into_luma16());
    for (image, format) in [
        (&grey, ImageFormat::Jpeg),
        (&grey, ImageFormat::Png),
        (&deep, ImageFormat::Png),
        (&deep_grey, ImageFormat::Png),
    ] {
        let made = make(&encoded(image, format), Purpose::PostHeader).await;
        let (webp, wanted) = (
            decoded(&made.webp, ImageFormat::WebP).into_luma8(),
            image.to_luma8(),
        );
        let (found, wanted) = (webp.get_pixel(8, 8)[0], wanted.get_pixel(8, 8)[0]);
        assert!(found.abs_diff(wanted) < 24, "{found} {wanted}");
    }
}

#[tokio::test]
async fn the_same_file_gives_the_same_picture() {
    let photo = fixture("photo.jpg");
    assert_eq!(
        make(&photo, Purpose::Avatar).await,
        make(&photo, Purpose::Avatar).await
    );
}

#[tokio::test]
async fn the_perceptual_hash_survives_recompression_and_tells_pictures_apart() {
    let photo = decoded(&fixture("photo.webp"), ImageFormat::WebP);
    let as_png = make(&encoded(&photo, ImageFormat::Png), Purpose::PostHeader).await;
    let as_jpeg = make(&encoded(&photo, ImageFormat::Jpeg), Purpose::PostHeader).await;
    let other = make(
        &encoded(&patchwork(480, 360), ImageFormat::Png),
        Purpose::PostHeader,
    )
    .await;
    let distance = |a: u64, b: u64| (a ^ b).count_ones();
    assert!(distance(as_png.perceptual_hash, as_jpeg.perceptual_hash) <= 4);
    assert!(distance(as_png.perceptual_hash, other.perceptual_hash) >= 12);
}

#[tokio::test]
async fn a_preview_of_a_made_picture_can_be_had_later() {
    let made = make(&fixture("photo.png"), Purpose::PostHeader).await;
    let later = maker().preview(stream_of(&made.webp)).await.unwrap();
    let (later, first) = (
        decoded(&later, ImageFormat::Jpeg).into_rgb8(),
        decoded(&made.preview, ImageFormat::Jpeg).into_rgb8(),
    );
    assert_eq!(later.dimensions(), first.dimensions());
    assert!(is_near(
        &later.get_pixel(120, 90).0,
        first.get_pixel(120, 90).0
    ));
}

#[tokio::test]
async fn two_at_once_and_more_that_wait_all_get_their_picture() {
    let (maker, photo) = (maker(), fixture("photo.webp"));
    let making = (0..6).map(|_| maker.make(stream_of(&photo), Purpose::Avatar));
    let made = futures_util::future::join_all(making).await;
    assert!(made.iter().all(Result::is_ok));
}

#[tokio::test]
async fn a_photo_with_metadata_larger_than_the_inspected_head_is_made() {
    let photo = fixture("photo.jpg");
    let segment = [vec![0xff, 0xed, 0xff, 0xff], vec![0; 0xfffd]].concat();
    // Behind its own metadata, which stays first.
    let own = 2 + 2 + usize::from(u16::from_be_bytes([photo[4], photo[5]]));
    let file = [&photo[..own], &segment, &segment, &photo[own..]].concat();
    let made = make(&file, Purpose::PostHeader).await;
    assert_eq!((made.width, made.height), (1200, 1600));
}
