use image::{DynamicImage, ImageFormat};
use proptest::prelude::*;
use sluicegate_contract::limits;
use sluicegate_contract::uploads::Purpose;
use sluicegate_core::ports::PictureMaker;

use crate::support::{decoded, encoded, fixture, make, maker, patchwork, refusal, stream_of, word};

#[tokio::test]
async fn fixtures_that_are_no_still_pictures() {
    for (name, reason) in [
        ("text-named.jpg", "unsupported"),
        ("truncated.jpg", "truncated"),
        ("animated.png", "animated"),
        ("animated.webp", "animated"),
        ("bomb.webp", "too_many_pixels"),
        ("huge.png", "too_many_pixels"),
    ] {
        assert_eq!(refusal(&fixture(name)).await, reason, "{name}");
    }
    assert_eq!(refusal(b"").await, "unsupported");
}

#[tokio::test]
async fn a_jpeg_header_that_claims_too_much() {
    let mut photo = fixture("polyglot.jpg");
    let frame = photo
        .windows(2)
        .position(|pair| pair == [0xff, 0xc0])
        .unwrap();
    photo[frame + 5..frame + 9].copy_from_slice(&[0xff, 0xff, 0xff, 0xff]);
    assert_eq!(refusal(&photo).await, "too_many_pixels");
    // 12,000 x 5,000: both sides are fine, their product is not.
    photo[frame + 5..frame + 9].copy_from_slice(&[0x13, 0x88, 0x2e, 0xe0]);
    assert_eq!(refusal(&photo).await, "too_many_pixels");
}

#[tokio::test]
async fn a_jpeg_is_not_painted_grey_where_it_was_cut() {
    let photo = fixture("photo.jpg");
    for tenths in 1..10 {
        let cut = &photo[..photo.len() * tenths / 10];
        assert_eq!(refusal(cut).await, "truncated", "{tenths}");
    }
    assert_eq!(refusal(&photo[..photo.len() - 2]).await, "truncated");
    assert_eq!(refusal(&photo[..photo.len() - 1]).await, "truncated");
}

#[tokio::test]
async fn what_was_cut_is_never_made() {
    for name in ["photo.png", "photo.webp", "unsafe.png"] {
        let file = fixture(name);
        // The last chunk of a PNG says nothing: its pixels are whole without it.
        for tenths in 1..10 {
            let word = refusal(&file[..file.len() * tenths / 10]).await;
            assert!(
                ["broken", "truncated"].contains(&word.as_str()),
                "{name} {tenths}: {word}"
            );
        }
    }
}

#[tokio::test]
async fn html_behind_a_jpeg_does_not_come_out_again() {
    let polyglot = fixture("polyglot.jpg");
    let tail = b"polyglot-tail";
    let holds = |file: &[u8]| file.windows(tail.len()).any(|part| part == tail);
    assert!(holds(&polyglot));
    let made = make(&polyglot, Purpose::PostHeader).await;
    assert!(!holds(&made.webp) && !holds(&made.preview));
}

#[tokio::test]
async fn a_file_over_the_limit_is_refused_as_it_arrives() {
    let mut file = fixture("photo.jpg");
    let limit = usize::try_from(limits::PICTURE_BYTES).unwrap();
    file.resize(limit, 0);
    assert_eq!(refusal(&file).await, "made");
    file.push(0);
    assert_eq!(refusal(&file).await, "too_large");
}

#[tokio::test]
async fn the_largest_picture_that_is_allowed_is_made() {
    let side = DynamicImage::new_luma8(12_000, 4_166);
    let made = make(&encoded(&side, ImageFormat::Png), Purpose::PostHeader).await;
    assert_eq!((made.width, made.height), (1600, 555));
    let with_alpha = DynamicImage::new_rgba8(7_000, 7_000);
    let made = make(&encoded(&with_alpha, ImageFormat::Png), Purpose::Avatar).await;
    assert_eq!((made.width, made.height), (400, 400));
    let wider = DynamicImage::new_luma8(12_001, 10);
    assert_eq!(
        refusal(&encoded(&wider, ImageFormat::Png)).await,
        "too_many_pixels"
    );
}

#[tokio::test]
async fn a_picture_that_needs_more_memory_than_it_may_have_is_refused() {
    let deep = DynamicImage::new_rgba16(7_000, 7_000);
    assert_eq!(
        refusal(&encoded(&deep, ImageFormat::Png)).await,
        "too_much_memory"
    );
}

#[tokio::test]
async fn a_thin_picture_is_made() {
    let thin = encoded(&patchwork(1, 11_999), ImageFormat::Png);
    for purpose in Purpose::ALL {
        let made = make(&thin, purpose).await;
        assert_eq!(made.width, 1);
        assert_eq!(decoded(&made.webp, ImageFormat::WebP).height(), made.height);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn damaged_pictures_end_as_a_picture_or_a_refusal(
        which in 0_usize..3,
        changes in proptest::collection::vec((0.0_f64..1.0, any::<u8>()), 1..12),
    ) {
        let mut file = fixture(["polyglot.jpg", "png-named.jpg", "photo.webp"][which]);
        for (place, value) in changes {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a place in a small file")]
            let at = (place * file.len() as f64) as usize;
            file[at] = value;
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let word = word(runtime.block_on(maker().make(stream_of(&file), Purpose::Avatar)));
        let known = ["made", "broken", "truncated", "unsupported", "animated", "too_many_pixels", "too_much_memory"];
        prop_assert!(known.contains(&word.as_str()), "{}", word);
    }
}
