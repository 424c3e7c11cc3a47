//! From bytes to pixels. Says no as early as it can: before anything is allocated for pixels.

use std::io::{Cursor, ErrorKind};

use image::codecs::jpeg::JpegDecoder;
use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;
use image::error::LimitErrorKind;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, Limits};
use sluicegate_contract::limits;
use sluicegate_sniff::{Inspection, Kind, inspect};

use crate::colour::Colours;
use crate::protocol::Refusal;
use crate::{jpeg_end, png_cicp};

/// What a decoder may allocate: 50 megapixels of four channels twice over, below the child's own cap.
const DECODER_BYTES: u64 = 400 * 1024 * 1024;

/// What the PNG decoder may allocate for anything but pixels: a row, and all chunks of a file of the
/// largest size. A profile that inflates to more is dropped by the decoder, and the picture goes on.
const PNG_HEADER_BYTES: u64 = 24 * 1024 * 1024;

/// Pixels as stored, how to turn them, and what their values mean.
pub(crate) struct Decoded {
    pub(crate) image: DynamicImage,
    pub(crate) orientation: Orientation,
    pub(crate) colours: Option<Colours>,
}

/// Decodes a still picture within the limits. The file is spent.
pub(crate) fn decode(file: Vec<u8>) -> Result<Decoded, Refusal> {
    match kind(&file)? {
        Kind::Jpeg => {
            if !jpeg_end::is_complete(&file) {
                return Err(Refusal::Truncated);
            }
            pixels(JpegDecoder::new(Cursor::new(file)).map_err(refusal)?, None)
        }
        Kind::Png => {
            let cicp = png_cicp::find(&file);
            let limits = bounds(PNG_HEADER_BYTES);
            let decoder = PngDecoder::with_limits(Cursor::new(file), limits).map_err(refusal)?;
            if decoder.is_apng().map_err(refusal)? {
                return Err(Refusal::Animated);
            }
            pixels(decoder, cicp)
        }
        Kind::Webp => {
            let decoder = WebPDecoder::new(Cursor::new(file)).map_err(refusal)?;
            if decoder.has_animation() {
                return Err(Refusal::Animated);
            }
            pixels(decoder, None)
        }
    }
}

fn kind(file: &[u8]) -> Result<Kind, Refusal> {
    let total = u64::try_from(file.len()).map_err(|_| Refusal::TooLarge)?;
    match inspect(file, total) {
        Inspection::Picture(picture) if picture.animated => Err(Refusal::Animated),
        Inspection::Picture(picture) => {
            check_size(picture.width, picture.height)?;
            Ok(picture.kind)
        }
        Inspection::Refused(sluicegate_sniff::Refusal::Unsupported) => Err(Refusal::Unsupported),
        Inspection::NeedMore | Inspection::Refused(sluicegate_sniff::Refusal::Broken) => {
            Err(Refusal::Broken)
        }
    }
}

fn check_size(width: u32, height: u32) -> Result<(), Refusal> {
    let is_large = width.max(height) > limits::PICTURE_SIDE
        || u64::from(width) * u64::from(height) > limits::PICTURE_PIXELS;
    if is_large {
        Err(Refusal::TooManyPixels)
    } else {
        Ok(())
    }
}

fn bounds(bytes: u64) -> Limits {
    let mut bounds = Limits::no_limits();
    bounds.max_image_width = Some(limits::PICTURE_SIDE);
    bounds.max_image_height = Some(limits::PICTURE_SIDE);
    bounds.max_alloc = Some(bytes);
    bounds
}

fn pixels(mut decoder: impl ImageDecoder, stronger: Option<Colours>) -> Result<Decoded, Refusal> {
    let (width, height) = decoder.dimensions();
    check_size(width, height)?;
    decoder.set_limits(bounds(DECODER_BYTES)).map_err(refusal)?;
    // Metadata that cannot be read is no reason to refuse the pixels.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let profile = || decoder.icc_profile().ok().flatten().map(Colours::Icc);
    let colours = stronger.or_else(profile);
    let image = DynamicImage::from_decoder(decoder).map_err(refusal)?;
    Ok(Decoded {
        image,
        orientation,
        colours,
    })
}

#[expect(clippy::needless_pass_by_value, reason = "used as `map_err(refusal)`")]
fn refusal(error: ImageError) -> Refusal {
    match &error {
        ImageError::Limits(limit) => match limit.kind() {
            LimitErrorKind::DimensionError => Refusal::TooManyPixels,
            _ => Refusal::TooMuchMemory,
        },
        ImageError::Unsupported(_) => Refusal::Unsupported,
        ImageError::IoError(error) if error.kind() == ErrorKind::UnexpectedEof => {
            Refusal::Truncated
        }
        _ => Refusal::Broken,
    }
}
