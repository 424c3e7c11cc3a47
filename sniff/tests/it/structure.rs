//! Small files, built here, that are wrong in one place.

use sluicegate_sniff::{HEAD, Inspection, Kind, Picture, Refusal, inspect};

use crate::samples::{read, whole};

const BROKEN: Inspection = Inspection::Refused(Refusal::Broken);
const UNSUPPORTED: Inspection = Inspection::Refused(Refusal::Unsupported);

fn jpeg(segments: &[&[u8]]) -> Vec<u8> {
    let mut file = vec![0xff, 0xd8];
    for segment in segments {
        file.extend_from_slice(segment);
    }
    file
}

fn application_data(length: u16) -> Vec<u8> {
    let mut segment = vec![0xff, 0xe1];
    segment.extend(length.to_be_bytes());
    segment.resize(2 + usize::from(length), 0);
    segment
}

fn frame(code: u8, precision: u8, height: u16, width: u16) -> Vec<u8> {
    let mut segment = vec![0xff, code, 0, 11, precision];
    segment.extend(height.to_be_bytes());
    segment.extend(width.to_be_bytes());
    segment.extend([1, 1, 0x11, 0]);
    segment
}

fn of(kind: Kind, width: u32, height: u32) -> Inspection {
    Inspection::Picture(Picture {
        kind,
        width,
        height,
        animated: false,
    })
}

fn changed(name: &str, at: usize, value: u8) -> Inspection {
    let mut bytes = read(name);
    if let Some(byte) = bytes.get_mut(at) {
        *byte = value;
    }
    whole(&bytes)
}

#[test]
fn frames_that_we_show_and_others() {
    let found = |code, precision| whole(&jpeg(&[&frame(code, precision, 20, 30)]));
    for code in [0xc0, 0xc1, 0xc2] {
        assert_eq!(found(code, 8), of(Kind::Jpeg, 30, 20));
    }
    for code in [0xc3, 0xc5, 0xc9, 0xcf, 0xde] {
        assert_eq!(found(code, 8), UNSUPPORTED);
    }
    assert_eq!(found(0xc1, 12), UNSUPPORTED);
    assert_eq!(found(0xc1, 7), BROKEN);
}

#[test]
fn a_jpeg_without_a_side_is_broken() {
    assert_eq!(whole(&jpeg(&[&frame(0xc0, 8, 0, 30)])), BROKEN);
    assert_eq!(whole(&jpeg(&[&frame(0xc0, 8, 30, 0)])), BROKEN);
}

#[test]
fn a_jpeg_whose_scan_or_end_comes_first_is_broken() {
    for code in [0xd9, 0xda, 0xd8, 0xd0, 0x00, 0x02, 0xc8] {
        assert_eq!(
            whole(&jpeg(&[&[0xff, code, 0, 4, 0, 0], &frame(0xc0, 8, 20, 30)])),
            BROKEN
        );
    }
    assert_eq!(
        whole(&jpeg(&[
            &application_data(2),
            &[0],
            &frame(0xc0, 8, 20, 30)
        ])),
        BROKEN
    );
    assert_eq!(
        whole(&jpeg(&[&[0xff, 0xe1, 0, 1], &frame(0xc0, 8, 20, 30)])),
        BROKEN
    );
}

#[test]
fn fill_bytes_may_stand_before_a_marker() {
    assert_eq!(
        whole(&jpeg(&[&[0xff, 0xff], &frame(0xc0, 8, 20, 30)])),
        of(Kind::Jpeg, 30, 20)
    );
}

#[test]
fn a_jpeg_with_metadata_larger_than_the_head_is_let_through_unmeasured() {
    let large = application_data(u16::MAX);
    let bytes = jpeg(&[&large, &frame(0xc0, 8, 20, 30)]);
    let total = bytes.len() as u64;
    assert_eq!(inspect(&bytes[..HEAD], total), of(Kind::Jpeg, 0, 0));
    assert_eq!(inspect(&bytes, total), of(Kind::Jpeg, 0, 0));
    // The same segment in a file that is too short for it.
    assert_eq!(inspect(&bytes[..HEAD - 100], HEAD as u64 - 100), BROKEN);
}

#[test]
fn a_png_header_has_to_be_right() {
    let last_of_checksum = 32;
    assert_eq!(changed("photo.png", last_of_checksum, 0), BROKEN);
    assert_eq!(changed("photo.png", 11, 14), BROKEN);
    assert_eq!(changed("photo.png", 12, b'i'), BROKEN);
    assert_eq!(changed("photo.png", 37, 0xff), BROKEN);
}

#[test]
fn a_webp_frame_has_to_be_a_key_frame_with_sides() {
    assert_eq!(whole(&read("photo.webp")), of(Kind::Webp, 480, 360));
    assert_eq!(
        changed("photo.webp", 20, read("photo.webp")[20] | 1),
        BROKEN
    );
    assert_eq!(changed("photo.webp", 23, 0), BROKEN);
    let mut flat = read("photo.webp");
    flat[28] = 0;
    flat[29] = 0;
    assert_eq!(whole(&flat), BROKEN);
}

#[test]
fn another_riff_file_is_unsupported() {
    assert_eq!(changed("photo.webp", 8, b'A'), UNSUPPORTED);
}

#[test]
fn bytes_behind_a_webp_are_let_through() {
    let mut longer = read("photo.webp");
    longer.extend(*b"<html>");
    assert_eq!(whole(&longer), of(Kind::Webp, 480, 360));
}

#[test]
fn an_extended_webp_has_to_agree_with_its_pixels() {
    let inner = read("photo.webp");
    let extended = |width: u8| {
        let mut file = b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0".to_vec();
        file.extend([width, 1, 0, 103, 1, 0]);
        file.extend(&inner[12..]);
        let size = u32::try_from(file.len() - 8).unwrap_or(0);
        file[4..8].copy_from_slice(&size.to_le_bytes());
        file
    };
    assert_eq!(whole(&extended(223)), of(Kind::Webp, 480, 360));
    assert_eq!(whole(&extended(222)), BROKEN);
}
