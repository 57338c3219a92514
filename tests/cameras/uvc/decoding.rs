//! The decoding of images, and the choice of a mode.

use super::fake::{MJPEG, YUYV, jpeg};
use gem_live::camera::drivers::uvc::{Coding, Mode, choose, decode};
use gem_live::image::{ImagePool, ImageU8, Size};

fn decoded(mode: Mode, bytes: &[u8]) -> Option<ImageU8> {
    decode(mode, bytes, &ImagePool::default())
}

#[test]
fn images_are_decoded_from_both_codings() {
    // White, black, and JFIF's pure red twice: Y 76, Cb 85, Cr 255.
    let mode = Mode { size: Size::new(4, 1), ..YUYV };
    let picture = decoded(mode, &[255, 128, 0, 128, 76, 85, 76, 255]).unwrap();
    let plane = |i: usize| &picture.data()[4 * i..4 * i + 4];
    assert_eq!([plane(0)[0], plane(1)[0], plane(2)[0]], [255; 3]);
    assert_eq!([plane(0)[1], plane(1)[1], plane(2)[1]], [0; 3]);
    assert!(plane(2)[2] >= 253 && plane(0)[3] <= 1 && plane(1)[3] <= 1, "{picture:?}");

    let uyvy = Mode { coding: Coding::Uyvy, ..mode };
    let other = decoded(uyvy, &[128, 255, 128, 0, 85, 76, 255, 76]).unwrap();
    assert_eq!(other, picture);
    let grey = Mode { coding: Coding::Grey, ..mode };
    let picture = decoded(grey, &[1, 2, 3, 4]).unwrap();
    assert_eq!((picture.channels(), picture.data()), (1, [1, 2, 3, 4].as_slice()));

    let picture = decoded(MJPEG, &jpeg(MJPEG.size, [200, 100, 30])).unwrap();
    assert_eq!((picture.size(), picture.channels()), (MJPEG.size, 3));
    for (plane, value) in picture.data().chunks(MJPEG.size.area()).zip([30_i32, 100, 200]) {
        assert!(plane.iter().all(|v| (i32::from(*v) - value).abs() <= 4), "{value}");
    }
}

/// Web cameras leave out the tables that every JPEG decoder of motion pictures knows.
#[test]
fn images_without_huffman_tables_are_decoded() {
    let whole = jpeg(MJPEG.size, [200, 100, 30]);
    let mut bytes = whole[..2].to_vec();
    let mut at = 2;
    // Segments: marker, length with itself, content; the image data follow the start of scan.
    while whole[at + 1] != 0xda {
        let length = 2 + usize::from(u16::from_be_bytes([whole[at + 2], whole[at + 3]]));
        if whole[at + 1] != 0xc4 {
            bytes.extend_from_slice(&whole[at..at + length]);
        }
        at += length;
    }
    bytes.extend_from_slice(&whole[at..]);
    assert!(bytes.len() + 400 < whole.len(), "no tables were removed");
    assert_eq!(decoded(MJPEG, &bytes).unwrap(), decoded(MJPEG, &whole).unwrap());
}

#[test]
fn invalid_bytes_decode_to_none() {
    let whole = jpeg(MJPEG.size, [1, 2, 3]);
    for bytes in [&whole[..20], &[], b"nonsense", &whole[2..]] {
        assert!(decoded(MJPEG, bytes).is_none());
    }
    for coding in [Coding::Yuyv, Coding::Uyvy, Coding::Grey] {
        let mode = Mode { coding, ..YUYV };
        assert!(decoded(mode, &[0; 511]).is_none(), "{coding:?}");
    }
    assert!(decoded(YUYV, &[0; 1023]).is_none());
    assert!(decoded(Mode { size: Size::new(0, 0), ..YUYV }, &[]).is_none());
    // An image of another size than that of the mode.
    assert!(decoded(MJPEG, &jpeg(Size::new(32, 48), [1, 2, 3])).is_none());
    // An image whose header claims 65535 x 65535 pixels.
    let mut oversized = whole;
    let at = oversized.windows(2).position(|w| w == [0xff, 0xc0]).unwrap();
    oversized[at + 5..at + 9].fill(0xff);
    assert!(decoded(MJPEG, &oversized).is_none());
}

#[test]
fn mode_choice_prefers_rate_then_size_then_uncompressed() {
    let mode =
        |width, height, coding, rate_hz| Mode { size: Size::new(width, height), coding, rate_hz };
    let modes = [
        mode(1920, 1080, Coding::Mjpeg, 30),
        mode(1280, 720, Coding::Yuyv, 10),
        mode(1280, 720, Coding::Mjpeg, 60),
        mode(1280, 720, Coding::Mjpeg, 30),
        mode(640, 480, Coding::Yuyv, 30),
    ];
    assert_eq!(choose(&modes), Some(modes[3]));
    assert_eq!(choose(&modes[4..]), Some(modes[4]));
    assert_eq!(choose(&[]), None);
}
