//! What is made of a file.

use image::ExtendedColorType;
use image::codecs::jpeg::JpegEncoder;
use image::metadata::Orientation;

use crate::decode::{Decoded, decode};
use crate::plan::{Plan, Size};
use crate::protocol::{Recipe, Refusal};
use crate::raster::{Mismatch, Raster};

const WEBP_QUALITY: f32 = 85.0;
const WEBP_METHOD: i32 = 2;
const PREVIEW_QUALITY: u8 = 80;
const PREVIEW_SIZE: Size = Size {
    width: 512,
    height: 512,
};
/// Enough for twelve waves of colour.
const BLURHASH_SIZE: Size = Size {
    width: 32,
    height: 32,
};
/// Eight differences in each of eight rows.
const DHASH_SIZE: Size = Size {
    width: 9,
    height: 8,
};

/// What a child answers with.
pub(crate) struct Made {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) blurhash: String,
    pub(crate) perceptual_hash: u64,
    /// Empty for [`Recipe::Preview`].
    pub(crate) webp: Vec<u8>,
    pub(crate) preview: Vec<u8>,
}

impl From<Mismatch> for Refusal {
    fn from(_: Mismatch) -> Self {
        Self::Crashed
    }
}

pub(crate) fn make(file: Vec<u8>, recipe: Recipe) -> Result<Made, Refusal> {
    let Decoded {
        image,
        orientation,
        colours,
    } = decode(file)?;
    let is_grey = !image.color().has_color();
    let picture = match recipe {
        Recipe::Rendition(purpose) => {
            let stored = Raster::new(image);
            let plan = if lies_on_its_side(orientation) {
                let upright = Size::new(stored.size.height, stored.size.width);
                Plan::rendition(purpose, upright).turned()
            } else {
                Plan::rendition(purpose, stored.size)
            };
            // Turned and converted when it is small: faster, and a large picture is in memory only once.
            let scaled = stored.planned(plan)?;
            let scaled = match colours {
                Some(colours) => colours.to_srgb(scaled, is_grey)?,
                None => scaled,
            };
            scaled.upright(orientation)?.simplified()
        }
        Recipe::Preview => Raster::new(image),
    };
    let size = picture.size;
    let webp = match recipe {
        Recipe::Rendition(_) => encode_webp(&picture)?,
        Recipe::Preview => Vec::new(),
    };
    let preview = picture
        .planned(Plan::inside(size, PREVIEW_SIZE))?
        .flattened();
    Ok(Made {
        width: size.width,
        height: size.height,
        blurhash: blurhash(&preview)?,
        perceptual_hash: dhash(&preview)?,
        webp,
        preview: encode_jpeg(&preview)?,
    })
}

fn lies_on_its_side(orientation: Orientation) -> bool {
    matches!(
        orientation,
        Orientation::Rotate90
            | Orientation::Rotate270
            | Orientation::Rotate90FlipH
            | Orientation::Rotate270FlipH
    )
}

fn encode_webp(picture: &Raster) -> Result<Vec<u8>, Refusal> {
    let mut config = webp::WebPConfig::new().map_err(|()| Mismatch)?;
    config.quality = WEBP_QUALITY;
    config.method = WEBP_METHOD;
    let Size { width, height } = picture.size;
    let encoder = if picture.has_alpha {
        webp::Encoder::from_rgba(&picture.pixels, width, height)
    } else {
        webp::Encoder::from_rgb(&picture.pixels, width, height)
    };
    match encoder.encode_advanced(&config) {
        Ok(bytes) => Ok(bytes.to_vec()),
        Err(
            webp::WebPEncodingError::VP8_ENC_ERROR_OUT_OF_MEMORY
            | webp::WebPEncodingError::VP8_ENC_ERROR_BITSTREAM_OUT_OF_MEMORY
            | webp::WebPEncodingError::VP8_ENC_ERROR_NULL_PARAMETER,
        ) => Err(Refusal::TooMuchMemory),
        Err(_) => Err(Refusal::Crashed),
    }
}

fn encode_jpeg(flat: &Raster) -> Result<Vec<u8>, Refusal> {
    let mut out = Vec::new();
    JpegEncoder::new_with_quality(&mut out, PREVIEW_QUALITY)
        .encode(
            &flat.pixels,
            flat.size.width,
            flat.size.height,
            ExtendedColorType::Rgb8,
        )
        .map_err(|_| Refusal::Crashed)?;
    Ok(out)
}

fn blurhash(flat: &Raster) -> Result<String, Refusal> {
    let small = flat.scaled(Plan::exactly(flat.size, BLURHASH_SIZE))?;
    let (pixels, _) = small.pixels.as_chunks::<3>();
    let with_alpha: Vec<u8> = pixels
        .iter()
        .flat_map(|[red, green, blue]| [*red, *green, *blue, u8::MAX])
        .collect();
    blurhash::encode(4, 3, BLURHASH_SIZE.width, BLURHASH_SIZE.height, &with_alpha)
        .map_err(|_| Refusal::Crashed)
}

/// One bit a pair of neighbours in a row, from the upper left: whether it gets brighter.
fn dhash(flat: &Raster) -> Result<u64, Refusal> {
    let small = flat.scaled(Plan::exactly(flat.size, DHASH_SIZE))?;
    let (pixels, _) = small.pixels.as_chunks::<3>();
    let brightness: Vec<u32> = pixels.iter().copied().map(brightness).collect();
    let (rows, _) = brightness.as_chunks::<9>();
    let bits = rows
        .iter()
        .flat_map(|row| row.array_windows().map(|[left, right]| left < right));
    Ok(bits.fold(0, |hash, is_brighter| hash << 1 | u64::from(is_brighter)))
}

fn brightness([red, green, blue]: [u8; 3]) -> u32 {
    299 * u32::from(red) + 587 * u32::from(green) + 114 * u32::from(blue)
}
