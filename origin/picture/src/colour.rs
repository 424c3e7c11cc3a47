//! Into sRGB, which is what everybody assumes of a picture without a profile, as ours are.
//!
//! What is believed, the first that is there and sound: the chunk `cICP` of a PNG, the ICC profile (`iCCP`,
//! `ICCP`, APP2). Everything else is taken as sRGB: `sRGB` says so itself, and `gAMA` and `cHRM` are
//! wrong more often than right. A profile that is too large, broken, or for another kind of values than
//! the pixels' is as if it were not there: a picture in slightly wrong colours is better than none. The
//! values of a CMYK JPEG have become RGB in the decoder by the formula of screens, not by its profile.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use moxcms::{
    CicpProfile, CmsError, ColorProfile, DataColorSpace, Layout, ParsingOptions,
    Transform8BitExecutor, TransformOptions,
};

use crate::raster::{Mismatch, Raster};

/// The largest profile that is read. Those of cameras and screens have 500 bytes to 60 KB, those of
/// scanners up to 1 MB.
const PROFILE_BYTES: usize = 2 * 1024 * 1024;
/// The most parts that it may have: they may overlap, so that a small file could ask for a lot of work.
const PROFILE_TAGS: u32 = 100;
/// How many values a table of colours may hold: 33 steps a side are common, 64 are the largest known.
const PROFILE_TABLE: usize = 1_000_000;
/// Converted at a time, so that the copy that it takes stays small.
const PIXELS_AT_ONCE: usize = 64 * 1024;
/// Steps a channel of the colours that a conversion is tried with.
const TRIAL: [u8; 5] = [0, 64, 128, 191, 255];

/// What a file says its values mean.
pub(crate) enum Colours {
    /// A profile as it is embedded.
    Icc(Vec<u8>),
    /// By number.
    Cicp(CicpProfile),
}

impl Colours {
    /// The picture in sRGB. `is_grey`: it was stored with one channel of colour.
    pub(crate) fn to_srgb(&self, raster: Raster, is_grey: bool) -> Result<Raster, Mismatch> {
        let layout = if raster.has_alpha {
            Layout::Rgba
        } else {
            Layout::Rgb
        };
        // Profiles are a client's bytes, too: a reader that stumbles over them is no reason to refuse.
        let conversion = catch_unwind(AssertUnwindSafe(|| self.conversion(layout, is_grey)));
        match conversion {
            Ok(Some(conversion)) => conversion.apply(raster),
            Ok(None) | Err(_) => Ok(raster),
        }
    }

    /// `None` where there is nothing to convert, or nothing to go by.
    fn conversion(&self, layout: Layout, is_grey: bool) -> Option<Conversion> {
        let profile = self.profile()?;
        let conversion = match profile.color_space {
            DataColorSpace::Gray if is_grey => Conversion::grey(&profile).ok()?,
            DataColorSpace::Rgb => Conversion::Colour(transform(&profile, layout, layout).ok()?),
            _ => return None,
        };
        conversion.is_worth_it(layout).then_some(conversion)
    }

    fn profile(&self) -> Option<ColorProfile> {
        match self {
            Self::Cicp(cicp) => Some(ColorProfile::new_from_cicp(*cicp)),
            Self::Icc(bytes) => {
                let tags = u32::from_be_bytes(*bytes.get(128..)?.first_chunk()?);
                if bytes.len() > PROFILE_BYTES || tags > PROFILE_TAGS {
                    return None;
                }
                let options = ParsingOptions {
                    max_profile_size: PROFILE_BYTES + 1,
                    max_allowed_clut_size: PROFILE_TABLE,
                    ..ParsingOptions::default()
                };
                ColorProfile::new_from_slice_with_options(bytes, options).ok()
            }
        }
    }
}

enum Conversion {
    Colour(Arc<Transform8BitExecutor>),
    /// What each grey becomes.
    Grey(Vec<[u8; 3]>),
}

impl Conversion {
    fn grey(profile: &ColorProfile) -> Result<Self, CmsError> {
        let greys: Vec<u8> = (0..=u8::MAX).collect();
        let mut colours = vec![0; greys.len() * 3];
        transform(profile, Layout::Gray, Layout::Rgb)?.transform(&greys, &mut colours)?;
        let (colours, _) = colours.as_chunks::<3>();
        Ok(Self::Grey(colours.to_vec()))
    }

    /// Whether it changes what one sees, and leaves white bright and black dark: what does not is no
    /// profile of a picture, however well formed.
    fn is_worth_it(&self, layout: Layout) -> bool {
        let before: Vec<[u8; 3]> = match self {
            Self::Grey(_) => (0..=u8::MAX).map(|grey| [grey; 3]).collect(),
            Self::Colour(_) => TRIAL
                .iter()
                .flat_map(|red| TRIAL.map(|green| TRIAL.map(|blue| [*red, green, blue])))
                .flatten()
                .collect(),
        };
        let trial: Vec<u8> = match layout {
            Layout::Rgba => before
                .iter()
                .flat_map(|[red, green, blue]| [*red, *green, *blue, u8::MAX])
                .collect(),
            _ => before.as_flattened().to_vec(),
        };
        let channels = trial.len() / before.len().max(1);
        let mut after = trial.clone();
        if self.convert(&mut after, channels).is_err() {
            return false;
        }
        let colours = |pixels: &[u8]| -> Vec<[u8; 3]> {
            let firsts = pixels.chunks(channels).filter_map(<[u8]>::first_chunk);
            firsts.copied().collect()
        };
        let after = colours(&after);
        let keeps_white = after
            .last()
            .is_some_and(|white| white.iter().all(|c| *c > 127));
        let keeps_black = after
            .first()
            .is_some_and(|black| black.iter().all(|c| *c < 128));
        let moves = |(before, after): (&u8, &u8)| before.abs_diff(*after) > 1;
        let changes = before
            .as_flattened()
            .iter()
            .zip(after.as_flattened())
            .any(moves);
        keeps_white && keeps_black && changes
    }

    fn apply(&self, mut raster: Raster) -> Result<Raster, Mismatch> {
        let channels = if raster.has_alpha { 4 } else { 3 };
        self.convert(&mut raster.pixels, channels)?;
        Ok(raster)
    }

    fn convert(&self, pixels: &mut [u8], channels: usize) -> Result<(), Mismatch> {
        match self {
            Self::Grey(colours) => {
                for pixel in pixels.chunks_exact_mut(channels) {
                    if let Some(colour) = pixel.first_chunk_mut::<3>() {
                        let [grey, ..] = *colour;
                        *colour = *colours.get(usize::from(grey)).ok_or(Mismatch)?;
                    }
                }
            }
            Self::Colour(transform) => {
                let mut copy = Vec::new();
                for part in pixels.chunks_mut(PIXELS_AT_ONCE * channels) {
                    copy.clear();
                    copy.extend_from_slice(part);
                    transform.transform(&copy, part).map_err(|_| Mismatch)?;
                }
            }
        }
        Ok(())
    }
}

fn transform(
    from: &ColorProfile,
    layout: Layout,
    to: Layout,
) -> Result<Arc<Transform8BitExecutor>, CmsError> {
    let options = TransformOptions {
        rendering_intent: from.rendering_intent,
        // The curves of the profile count, as for everybody else who reads it.
        allow_use_cicp_transfer: false,
        ..TransformOptions::default()
    };
    from.create_transform_8bit(layout, &ColorProfile::new_srgb(), to, options)
}

#[cfg(test)]
mod tests {
    use super::{ColorProfile, Colours};
    use crate::plan::Size;
    use crate::raster::Raster;

    fn converted(colours: &Colours, pixels: &[u8], has_alpha: bool, is_grey: bool) -> Vec<u8> {
        let channels = if has_alpha { 4 } else { 3 };
        let width = u32::try_from(pixels.len() / channels).unwrap();
        let raster = Raster {
            size: Size::new(width, 1),
            has_alpha,
            pixels: pixels.to_vec(),
        };
        colours.to_srgb(raster, is_grey).unwrap().pixels
    }

    #[track_caller]
    fn assert_near(found: &[u8], wanted: &[u8]) {
        let near = found.iter().zip(wanted).all(|(a, b)| a.abs_diff(*b) <= 2);
        assert!(
            near && found.len() == wanted.len(),
            "{found:?}, not {wanted:?}"
        );
    }

    #[test]
    fn display_p3_is_converted_within_two_levels() {
        let p3 = Colours::Icc(ColorProfile::new_display_p3().encode().unwrap());
        // By LittleCMS.
        let stored = [
            200, 100, 50, 60, 140, 90, 120, 120, 120, 250, 60, 40, 30, 40, 160,
        ];
        let wanted = [
            215, 93, 31, 0, 142, 85, 120, 120, 120, 255, 20, 3, 27, 40, 167,
        ];
        assert_near(&converted(&p3, &stored, false, false), &wanted);
        assert_near(
            &converted(&p3, &[200, 100, 50, 7], true, false),
            &[215, 93, 31, 7],
        );
    }

    #[test]
    fn greys_are_converted_within_two_levels() {
        let linear = Colours::Icc(ColorProfile::new_gray_with_gamma(1.0).encode().unwrap());
        let stored = [10, 10, 10, 55, 55, 55, 200, 200, 200];
        let wanted = [55, 55, 55, 128, 128, 128, 229, 229, 229];
        assert_near(&converted(&linear, &stored, false, true), &wanted);
        assert_eq!(
            converted(&linear, &stored, false, false),
            stored,
            "not for colours"
        );
    }

    #[test]
    fn what_is_srgb_already_stays_to_the_bit() {
        let srgb = Colours::Icc(ColorProfile::new_srgb().encode().unwrap());
        let pixels: Vec<u8> = (0..=255).collect();
        assert_eq!(converted(&srgb, &pixels, true, false), pixels);
    }
}
