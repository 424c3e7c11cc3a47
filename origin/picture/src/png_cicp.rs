//! The chunk `cICP` of a PNG, which the decoder does not hand out.

use moxcms::{CicpColorPrimaries, CicpProfile, MatrixCoefficients, TransferCharacteristics};

use crate::colour::Colours;

const SIGNATURE: usize = 8;
/// Of coded values that use their whole range, as all PNGs of RGB do.
const RGB: u8 = 0;
const FULL_RANGE: u8 = 1;

/// What the chunk says, if it is there, comes before the pixels, and names colours that can be shown on a
/// screen without tone mapping: those of PQ, HLG and scenes cannot, and other chunks decide then.
pub(crate) fn find(file: &[u8]) -> Option<Colours> {
    let mut rest = file.get(SIGNATURE..)?;
    loop {
        let (length, behind) = rest.split_first_chunk::<4>()?;
        let (name, behind) = behind.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let (data, behind) = behind.split_at_checked(length)?;
        match name {
            b"cICP" => return read(data),
            b"IDAT" => return None,
            _ => rest = behind.get(4..)?,
        }
    }
}

fn read(data: &[u8]) -> Option<Colours> {
    let [primaries, transfer, RGB, FULL_RANGE] = *data else {
        return None;
    };
    let color_primaries = match primaries {
        1 => CicpColorPrimaries::Bt709,
        9 => CicpColorPrimaries::Bt2020,
        12 => CicpColorPrimaries::Smpte432,
        _ => return None,
    };
    let transfer_characteristics = match transfer {
        1 | 6 | 14 | 15 => TransferCharacteristics::Bt709,
        8 => TransferCharacteristics::Linear,
        13 => TransferCharacteristics::Srgb,
        _ => return None,
    };
    Some(Colours::Cicp(CicpProfile {
        color_primaries,
        transfer_characteristics,
        matrix_coefficients: MatrixCoefficients::Identity,
        full_range: true,
    }))
}

#[cfg(test)]
mod tests {
    use super::find;

    fn chunk(name: [u8; 4], data: &[u8]) -> Vec<u8> {
        let length = u32::try_from(data.len()).unwrap().to_be_bytes();
        [&length[..], &name, data, &[0; 4]].concat()
    }

    fn finds(chunks: &[Vec<u8>]) -> bool {
        find(&[b"\x89PNG\r\n\x1a\n".to_vec(), chunks.concat()].concat()).is_some()
    }

    #[test]
    fn colours_of_screens_are_taken_and_others_left() {
        let before = chunk(*b"gAMA", &[0; 4]);
        let named = |data: &[u8]| finds(&[before.clone(), chunk(*b"cICP", data)]);
        assert!(named(&[12, 13, 0, 1]));
        assert!(named(&[9, 1, 0, 1]));
        assert!(!named(&[9, 16, 0, 1]), "PQ");
        assert!(!named(&[9, 18, 0, 1]), "HLG");
        assert!(!named(&[12, 13, 1, 1]), "not RGB");
        assert!(!named(&[12, 13, 0, 0]), "limited range");
        assert!(!named(&[12, 13, 0]));
    }

    #[test]
    fn it_has_to_stand_before_the_pixels() {
        let named = chunk(*b"cICP", &[12, 13, 0, 1]);
        assert!(!finds(&[chunk(*b"IDAT", &[1]), named.clone()]));
        let mut cut = named;
        cut.truncate(10);
        assert!(!finds(&[cut]));
        assert!(!finds(&[b"\xff\xff\xff\xffcICP".to_vec()]));
    }
}
