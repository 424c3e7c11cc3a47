//! Which part of a picture is kept, and how large it becomes. Pure arithmetic in whole pixels.

use sluicegate_contract::uploads::Purpose;

/// Width and height in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) width: u32,
    pub(crate) height: u32,
}

impl Size {
    pub(crate) fn new(width: u32, height: u32) -> Self {
        Self { width, height }
    }

    fn turned(self) -> Self {
        Self::new(self.height, self.width)
    }

    /// Whether its sides are in a larger proportion, width to height, than the other's.
    fn is_wider_than(self, other: Self) -> bool {
        u64::from(self.width) * u64::from(other.height)
            > u64::from(other.width) * u64::from(self.height)
    }
}

/// Cut out `kept` at (`left`, `top`), then scale it to `out`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) left: u32,
    pub(crate) top: u32,
    pub(crate) kept: Size,
    pub(crate) out: Size,
}

impl Plan {
    /// The rendition for a purpose of a picture of that size, as one looks at it.
    pub(crate) fn rendition(purpose: Purpose, of: Size) -> Self {
        match purpose {
            Purpose::Avatar => Self::cover(of, Size::new(400, 400)),
            Purpose::ProfileHeader => Self::cover(of, Size::new(1200, 300)),
            Purpose::PostHeader => Self::inside(of, Size::new(1600, u32::MAX)),
        }
    }

    /// Fills `frame`'s proportions from the middle of the picture; at most that large, never enlarged.
    pub(crate) fn cover(of: Size, frame: Size) -> Self {
        let kept = if of.is_wider_than(frame) {
            Size::new(scaled(of.height, frame.width, frame.height), of.height)
        } else {
            Size::new(of.width, scaled(of.width, frame.height, frame.width))
        };
        let kept = Size::new(kept.width.min(of.width), kept.height.min(of.height));
        let is_large = kept.width >= frame.width && kept.height >= frame.height;
        Self {
            left: (of.width - kept.width) / 2,
            top: (of.height - kept.height) / 2,
            kept,
            out: if is_large { frame } else { kept },
        }
    }

    /// The whole picture, at most as large as `frame`, in its own proportions.
    pub(crate) fn inside(of: Size, frame: Size) -> Self {
        let out = if of.width <= frame.width && of.height <= frame.height {
            of
        } else if of.is_wider_than(frame) {
            Size::new(frame.width, scaled(of.height, frame.width, of.width))
        } else {
            Size::new(scaled(of.width, frame.height, of.height), frame.height)
        };
        Self {
            left: 0,
            top: 0,
            kept: of,
            out,
        }
    }

    /// The whole picture at exactly that size.
    pub(crate) fn exactly(of: Size, out: Size) -> Self {
        Self {
            left: 0,
            top: 0,
            kept: of,
            out,
        }
    }

    /// The same plan for a picture that lies on its side.
    pub(crate) fn turned(self) -> Self {
        Self {
            left: self.top,
            top: self.left,
            kept: self.kept.turned(),
            out: self.out.turned(),
        }
    }
}

/// `value * times / by`, rounded, at least 1.
fn scaled(value: u32, times: u32, by: u32) -> u32 {
    let by = u64::from(by.max(1));
    let rounded = (u64::from(value) * u64::from(times) + by / 2) / by;
    u32::try_from(rounded).unwrap_or(u32::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Plan, Purpose, Size};

    #[test]
    fn a_large_picture_fills_its_frame_from_the_middle() {
        let plan = Plan::rendition(Purpose::Avatar, Size::new(4000, 3000));
        assert_eq!((plan.left, plan.top), (500, 0));
        assert_eq!(
            (plan.kept, plan.out),
            (Size::new(3000, 3000), Size::new(400, 400))
        );
        let plan = Plan::rendition(Purpose::ProfileHeader, Size::new(4000, 3000));
        assert_eq!((plan.left, plan.top), (0, 1000));
        assert_eq!(
            (plan.kept, plan.out),
            (Size::new(4000, 1000), Size::new(1200, 300))
        );
    }

    #[test]
    fn a_small_picture_is_cut_but_not_enlarged() {
        let plan = Plan::rendition(Purpose::Avatar, Size::new(100, 50));
        assert_eq!(
            (plan.left, plan.kept, plan.out),
            (25, Size::new(50, 50), Size::new(50, 50))
        );
        let plan = Plan::rendition(Purpose::PostHeader, Size::new(100, 50));
        assert_eq!(plan.out, Size::new(100, 50));
    }

    #[test]
    fn a_post_header_is_bounded_by_its_width_alone() {
        let out =
            |width, height| Plan::rendition(Purpose::PostHeader, Size::new(width, height)).out;
        assert_eq!(out(4000, 3000), Size::new(1600, 1200));
        assert_eq!(out(1000, 9000), Size::new(1000, 9000));
        assert_eq!(out(12_000, 1), Size::new(1600, 1));
    }

    proptest! {
        #[test]
        fn plans_stay_within_the_picture(
            width in 1_u32..12_000, height in 1_u32..12_000, which in 0_usize..3,
        ) {
            let of = Size::new(width, height);
            let purpose = Purpose::ALL[which];
            for plan in [Plan::rendition(purpose, of), Plan::inside(of, Size::new(512, 512))] {
                prop_assert!(plan.left + plan.kept.width <= width);
                prop_assert!(plan.top + plan.kept.height <= height);
                prop_assert!((1..=plan.kept.width).contains(&plan.out.width));
                prop_assert!((1..=plan.kept.height).contains(&plan.out.height));
                prop_assert_eq!(plan.turned().turned(), plan);
            }
        }
    }
}
