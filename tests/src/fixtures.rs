//! The files that tests and demo send; `tests/fixtures/README.md` says where they come from.

use std::io::Cursor;
use std::path::PathBuf;

use anyhow::{Context, Result};
use image::codecs::jpeg::JpegEncoder;
use image::imageops::{FilterType, resize};
use image::{ImageFormat, Rgb, RgbImage};

/// The bytes of a file in `tests/fixtures`.
pub fn read(name: &str) -> Result<Vec<u8>> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures")
        .join(name);
    std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
}

/// The path of a file in `tests/fixtures`.
pub fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures")
        .join(name)
}

/// A form with that file in it, as browsers send it.
pub fn form(boundary: &str, file: &[u8]) -> Vec<u8> {
    let head = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"photo\"\r\n\
         Content-Type: application/octet-stream\r\n\r\n"
    );
    let end = format!("\r\n--{boundary}--\r\n");
    [head.as_bytes(), file, end.as_bytes()].concat()
}

/// A picture that takes a while to decode: as many pixels as are accepted, in few bytes.
pub fn slow_to_decode() -> Result<Vec<u8>> {
    let picture = RgbImage::from_fn(7_000, 7_000, |x, y| {
        Rgb([low(x / 28), low(y / 28), low((x + y) / 56)])
    });
    let mut png = Cursor::new(Vec::new());
    picture.write_to(&mut png, ImageFormat::Png)?;
    Ok(png.into_inner())
}

/// A picture of noise that no other seed gives, too big to be looked at in one piece; nearly all red if `red`.
pub fn noise(seed: u64, red: bool) -> Result<Vec<u8>> {
    let mut state = seed.wrapping_mul(2) | 1;
    let mut next = || {
        // xorshift64: any noise will do that does not compress.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        u8::try_from(state >> 56).unwrap_or_default()
    };
    let picture = RgbImage::from_fn(240, 160, |_, _| {
        let (r, g, b) = (next(), next(), next());
        if red {
            Rgb([200 + r % 56, g % 60, b % 60])
        } else {
            Rgb([r % 120, g, b])
        }
    });
    let mut png = Cursor::new(Vec::new());
    picture.write_to(&mut png, ImageFormat::Png)?;
    Ok(png.into_inner())
}

/// The photo of the fixtures as a camera of 12 megapixels would take it: 4000 x 3000, with its noise, of some megabytes.
pub fn large_photo() -> Result<Vec<u8>> {
    let photo = image::load_from_memory(&read("photo.jpg")?)?.into_rgb8();
    let mut large = resize(&photo, 4_000, 3_000, FilterType::Triangle);
    let mut state = 0x5a17_u64;
    for pixel in large.pixels_mut() {
        // xorshift64: any noise will do.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let grain = u8::try_from(state >> 60).unwrap_or_default();
        for channel in &mut pixel.0 {
            *channel = channel.saturating_sub(8).saturating_add(grain);
        }
    }
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, 88).encode_image(&large)?;
    Ok(jpeg)
}

fn low(value: u32) -> u8 {
    u8::try_from(value & 0xff).unwrap_or_default()
}
