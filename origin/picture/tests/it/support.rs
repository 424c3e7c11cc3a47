#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::fs;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use image::{DynamicImage, ImageFormat, RgbImage};
use sluicegate_contract::uploads::Purpose;
use sluicegate_core::error::PortError;
use sluicegate_core::ports::{ByteStream, MadePicture, MakePictureError, PictureMaker};
use sluicegate_picture::{Caps, ChildLimits, ChildPictureMaker};

pub(crate) const CHILD: &str = env!("CARGO_BIN_EXE_picture-child");

pub(crate) fn fixture(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/fixtures")
        .join(name);
    match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) => panic!("{}: {error}", path.display()),
    }
}

/// The file in pieces of an odd size, as it might arrive.
pub(crate) fn stream_of(file: &[u8]) -> ByteStream {
    let pieces: Vec<Result<Bytes, PortError>> = file
        .chunks(40_961)
        .map(|piece| Ok(Bytes::copy_from_slice(piece)))
        .collect();
    Box::pin(stream::iter(pieces))
}

pub(crate) fn maker() -> ChildPictureMaker {
    misbehaving(&[], ChildLimits::default())
}

/// A maker whose child is started with these arguments first.
pub(crate) fn misbehaving(args: &[&str], limits: ChildLimits) -> ChildPictureMaker {
    ChildPictureMaker::new(CHILD, args, limits, 2)
}

/// Little enough CPU and wall time for a test to wait for its end.
pub(crate) fn tight() -> ChildLimits {
    let caps = Caps {
        cpu_seconds: 1,
        ..ChildLimits::default().caps
    };
    ChildLimits {
        wall: Duration::from_mins(2),
        caps,
        ..ChildLimits::default()
    }
}

pub(crate) async fn make(file: &[u8], purpose: Purpose) -> MadePicture {
    match maker().make(stream_of(file), purpose).await {
        Ok(made) => made,
        Err(error) => panic!("{error}"),
    }
}

/// The word with which a file is refused, `made`, or a port's error.
pub(crate) fn word<T>(outcome: Result<T, MakePictureError>) -> String {
    match outcome {
        Ok(_) => "made".to_owned(),
        Err(MakePictureError::Refused(word)) => word.to_owned(),
        Err(MakePictureError::Port(error)) => error.to_string(),
    }
}

pub(crate) async fn refusal(file: &[u8]) -> String {
    word(maker().make(stream_of(file), Purpose::PostHeader).await)
}

pub(crate) fn decoded(file: &[u8], format: ImageFormat) -> DynamicImage {
    image::load_from_memory_with_format(file, format).unwrap()
}

pub(crate) fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut out = std::io::Cursor::new(Vec::new());
    image.write_to(&mut out, format).unwrap();
    out.into_inner()
}

/// Blocks of colour that no compressor makes small and no resizing blurs away.
pub(crate) fn patchwork(width: u32, height: u32) -> DynamicImage {
    let image = RgbImage::from_fn(width, height, |x, y| {
        let block = (x / 16).wrapping_mul(2_654_435_761) ^ (y / 16).wrapping_mul(2_246_822_519);
        let [red, green, blue, _] = block.wrapping_mul(3_266_489_917).to_le_bytes();
        image::Rgb([red, green, blue])
    });
    DynamicImage::from(image)
}

pub(crate) fn is_near(pixel: &[u8], wanted: [u8; 3]) -> bool {
    pixel
        .iter()
        .zip(wanted)
        .all(|(channel, wanted)| channel.abs_diff(wanted) < 24)
}
