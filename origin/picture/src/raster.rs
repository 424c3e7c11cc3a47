use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::{U8x3, U8x4};
use fast_image_resize::{
    ImageBufferError, ImageError, MulDiv, PixelTrait, ResizeError, ResizeOptions, Resizer,
};
use image::metadata::Orientation;
use image::{DynamicImage, RgbImage, RgbaImage};

use crate::plan::{Plan, Size};

/// Arithmetic that should never fail did: our fault, not the file's.
#[derive(Debug)]
pub(crate) struct Mismatch;

impl From<ImageBufferError> for Mismatch {
    fn from(_: ImageBufferError) -> Self {
        Self
    }
}

impl From<ResizeError> for Mismatch {
    fn from(_: ResizeError) -> Self {
        Self
    }
}

impl From<ImageError> for Mismatch {
    fn from(_: ImageError) -> Self {
        Self
    }
}

/// Eight bits a channel, red, green, blue and perhaps alpha.
pub(crate) struct Raster {
    pub(crate) size: Size,
    pub(crate) has_alpha: bool,
    pub(crate) pixels: Vec<u8>,
}

impl Raster {
    pub(crate) fn new(image: DynamicImage) -> Self {
        let size = Size::new(image.width(), image.height());
        let has_alpha = image.color().has_alpha();
        let pixels = if has_alpha {
            image.into_rgba8().into_raw()
        } else {
            image.into_rgb8().into_raw()
        };
        Self {
            size,
            has_alpha,
            pixels,
        }
    }

    /// Cuts and scales. The pixels of `self` are spent: large pictures fit in memory once, not twice.
    pub(crate) fn planned(mut self, plan: Plan) -> Result<Self, Mismatch> {
        if plan.kept == self.size && plan.out == self.size {
            return Ok(self);
        }
        if self.has_alpha && plan.kept != plan.out {
            // Weighted by alpha, or the colour of what is invisible would bleed into what is seen.
            let alpha = MulDiv::new();
            let (Size { width, height }, pixels) = (self.size, &mut self.pixels);
            let mut image = TypedImage::<U8x4>::from_buffer(width, height, pixels)?;
            alpha.multiply_alpha_inplace_typed(&mut image)?;
            let mut scaled = self.scaled(plan)?;
            let Size { width, height } = scaled.size;
            let mut image = TypedImage::<U8x4>::from_buffer(width, height, &mut scaled.pixels)?;
            alpha.divide_alpha_inplace_typed(&mut image)?;
            return Ok(scaled);
        }
        self.scaled(plan)
    }

    /// A copy, cut and scaled; alpha is a channel like the others here.
    pub(crate) fn scaled(&self, plan: Plan) -> Result<Self, Mismatch> {
        let pixels = if self.has_alpha {
            scale::<U8x4>(&self.pixels, self.size, plan)?
        } else {
            scale::<U8x3>(&self.pixels, self.size, plan)?
        };
        Ok(Self {
            size: plan.out,
            has_alpha: self.has_alpha,
            pixels,
        })
    }

    /// As one looks at it.
    pub(crate) fn upright(self, orientation: Orientation) -> Result<Self, Mismatch> {
        if orientation == Orientation::NoTransforms {
            return Ok(self);
        }
        let Size { width, height } = self.size;
        let image = if self.has_alpha {
            RgbaImage::from_raw(width, height, self.pixels).map(DynamicImage::from)
        } else {
            RgbImage::from_raw(width, height, self.pixels).map(DynamicImage::from)
        };
        let mut image = image.ok_or(Mismatch)?;
        image.apply_orientation(orientation);
        Ok(Self::new(image))
    }

    /// Without its alpha channel, if that says nothing.
    pub(crate) fn simplified(self) -> Self {
        let is_opaque = self
            .pixels
            .iter()
            .skip(3)
            .step_by(4)
            .all(|alpha| *alpha == u8::MAX);
        if !self.has_alpha || !is_opaque {
            return self;
        }
        let (pixels, _) = self.pixels.as_chunks::<4>();
        let pixels = pixels
            .iter()
            .flat_map(|[red, green, blue, _]| [*red, *green, *blue])
            .collect();
        Self {
            size: self.size,
            has_alpha: false,
            pixels,
        }
    }

    /// On white, without alpha.
    pub(crate) fn flattened(self) -> Self {
        if !self.has_alpha {
            return self;
        }
        let (pixels, _) = self.pixels.as_chunks::<4>();
        let pixels = pixels
            .iter()
            .flat_map(|[red, green, blue, alpha]| {
                [*red, *green, *blue].map(|channel| on_white(channel, *alpha))
            })
            .collect();
        Self {
            size: self.size,
            has_alpha: false,
            pixels,
        }
    }
}

fn on_white(channel: u8, alpha: u8) -> u8 {
    let (channel, alpha) = (u32::from(channel), u32::from(alpha));
    u8::try_from((channel * alpha + 255 * (255 - alpha) + 127) / 255).unwrap_or(u8::MAX)
}

fn scale<P: PixelTrait>(pixels: &[u8], size: Size, plan: Plan) -> Result<Vec<u8>, Mismatch> {
    let source = TypedImageRef::<P>::from_buffer(size.width, size.height, pixels)?;
    let length = u64::from(plan.out.width) * u64::from(plan.out.height);
    let length = usize::try_from(length).map_err(|_| Mismatch)?;
    let mut out = vec![0; length * size_of::<P>()];
    let mut target = TypedImage::<P>::from_buffer(plan.out.width, plan.out.height, &mut out)?;
    let options = ResizeOptions::new().use_alpha(false).crop(
        plan.left.into(),
        plan.top.into(),
        plan.kept.width.into(),
        plan.kept.height.into(),
    );
    Resizer::new().resize_typed(&source, &mut target, &options)?;
    Ok(out)
}
