//! Pixel formats and demosaicing against simple models.

use gem_live::camera::drivers::genicam::mosaic::Pattern;
use gem_live::camera::drivers::genicam::pixels::{Decoder, FORMATS, Layout, Packing, PixelFormat};
use gem_live::image::{ImageU8, Size};
use proptest::prelude::*;

fn format_by_name(name: &str) -> PixelFormat {
    *FORMATS.iter().find(|f| f.name == name).unwrap()
}

/// Colour of the filter at a pixel: 0 red, 1 green, 2 blue.
fn filter_at(pattern: Pattern, x: usize, y: usize) -> usize {
    let tile = match pattern {
        Pattern::Rg => [0, 1, 1, 2],
        Pattern::Gr => [1, 0, 2, 1],
        Pattern::Gb => [1, 2, 0, 1],
        Pattern::Bg => [2, 1, 1, 0],
    };
    tile[y % 2 * 2 + x % 2]
}

const PATTERNS: [Pattern; 4] = [Pattern::Rg, Pattern::Gr, Pattern::Gb, Pattern::Bg];

/// Filter coefficients of the paper's figure 2, which are in eighths, doubled to be integers.
const GREEN: [[i32; 5]; 5] =
    [[0, 0, -2, 0, 0], [0, 0, 4, 0, 0], [-2, 4, 8, 4, -2], [0, 0, 4, 0, 0], [0, 0, -2, 0, 0]];
const IN_ROW: [[i32; 5]; 5] =
    [[0, 0, 1, 0, 0], [0, -2, 0, -2, 0], [-2, 8, 10, 8, -2], [0, -2, 0, -2, 0], [0, 0, 1, 0, 0]];
const ACROSS: [[i32; 5]; 5] =
    [[0, 0, -3, 0, 0], [0, 4, 0, 4, 0], [-3, 0, 12, 0, -3], [0, 4, 0, 4, 0], [0, 0, -3, 0, 0]];

/// Reference model: one colour of one pixel, computed tap by tap with mirrored borders.
fn model(mosaic: &[u8], size: Size, pattern: Pattern, x: usize, y: usize, colour: usize) -> u8 {
    let mirrored = |v: i64, n: usize| {
        let last = n as i64 - 1;
        (if v < 0 {
            -v
        } else if v > last {
            2 * last - v
        } else {
            v
        }) as usize
    };
    let here = filter_at(pattern, x, y);
    let beside = filter_at(pattern, x + 1, y);
    let taps = |row: usize, column: usize| match (here, colour) {
        (h, c) if h == c => i32::from(row == 2 && column == 2) * 16,
        (_, 1) => GREEN[row][column],
        (1, c) if c == beside => IN_ROW[row][column],
        (1, _) => IN_ROW[column][row],
        _ => ACROSS[row][column],
    };
    let mut sum = 0;
    for row in 0..5 {
        for column in 0..5 {
            let at_x = mirrored(x as i64 + column as i64 - 2, size.width);
            let at_y = mirrored(y as i64 + row as i64 - 2, size.height);
            sum += taps(row, column) * i32::from(mosaic[at_y * size.width + at_x]) * 4;
        }
    }
    ((sum + 32) >> 6).clamp(0, 255) as u8
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn demosaicing_matches_the_published_filters(
        (width, height) in (3_usize..24, 3_usize..14),
        which in 0_usize..4,
        seed in any::<u64>(),
    ) {
        let (size, pattern) = (Size::new(width, height), PATTERNS[which]);
        let noise = |i: usize| (seed.wrapping_mul(i as u64 * 2 + 1) >> 37) as u8;
        let mosaic: Vec<u8> = (0..size.area()).map(noise).collect();
        let name = ["BayerRG8", "BayerGR8", "BayerGB8", "BayerBG8"][which];
        let picture = Decoder::default().decode(format_by_name(name), size, 0, &mosaic).unwrap();
        for y in 0..height {
            for x in 0..width {
                // Planes are blue, green, red.
                for colour in 0..3 {
                    let found = picture.data()[(2 - colour) * size.area() + y * width + x];
                    let expected = model(&mosaic, size, pattern, x, y, colour);
                    prop_assert_eq!(found, expected, "{} at {},{} colour {}", name, x, y, colour);
                }
            }
        }
    }
}

#[test]
fn uniform_colours_are_exact_in_every_depth_and_packing() {
    let (size, rgb) = (Size::new(10, 6), [200_u8, 100, 30]);
    for format in FORMATS {
        let Layout::Bayer(pattern) = format.layout else { continue };
        let sample = |x: usize, y: usize| rgb[filter_at(pattern, x, y)];
        let bytes = pack(*format, size, 3, sample);
        let picture = Decoder::default().decode(*format, size, 3, &bytes).unwrap();
        for (plane, expected) in picture.data().chunks(size.area()).zip([30, 100, 200]) {
            assert!(plane.iter().all(|v| *v == expected), "{}: {plane:?}", format.name);
        }
    }
}

#[test]
fn gray_keeps_the_upper_bits_in_every_depth_and_packing() {
    let size = Size::new(9, 5);
    for format in FORMATS.iter().filter(|f| f.layout == Layout::Mono) {
        let value = |x: usize, y: usize| (x * 29 + y * 53) as u8;
        let bytes = pack(*format, size, 0, value);
        let picture = Decoder::default().decode(*format, size, 0, &bytes).unwrap();
        let expected: Vec<u8> = (0..45).map(|i| value(i % 9, i / 9)).collect();
        assert_eq!(picture, ImageU8::new(1, size, expected).unwrap(), "{}", format.name);
    }
}

/// The bytes of an image whose samples have `value` as upper eight bits.
fn pack(
    format: PixelFormat,
    size: Size,
    padding: usize,
    value: impl Fn(usize, usize) -> u8,
) -> Vec<u8> {
    let mut bytes = Vec::new();
    for y in 0..size.height {
        let samples = (0..size.width).map(|x| u32::from(value(x, y)));
        let mut row: Vec<u8> = Vec::new();
        match format.packing {
            Packing::Eight => row.extend(samples.map(|v| v as u8)),
            Packing::Wide(bits) => {
                let low = bits - 8;
                samples.for_each(|v| row.extend(((v << low) as u16).to_le_bytes()));
            }
            Packing::Dense(bits) => {
                // One long bit string, lowest bit first.
                let bit = |v: u32, i: u32| (v << (bits - 8)) >> i & 1;
                let all: Vec<u32> =
                    samples.flat_map(|v| (0..bits).map(move |i| bit(v, i))).collect();
                let byte = |b: &[u32]| b.iter().enumerate().map(|(i, v)| v << i).sum::<u32>();
                row.extend(all.chunks(8).map(|b| byte(b) as u8));
            }
            Packing::Three(_) => {
                // The lower bits of both samples are zero.
                for pair in samples.collect::<Vec<_>>().chunks(2) {
                    row.extend([pair[0] as u8, 0]);
                    row.extend(pair.get(1).map(|v| *v as u8));
                }
            }
        }
        assert_eq!(row.len(), format.row_bytes(size.width), "{}", format.name);
        row.extend(vec![0xee; padding]);
        bytes.extend(row);
    }
    bytes
}

#[test]
fn low_bits_of_packed_samples_are_assigned_to_the_right_sample() {
    // GigE Vision: the 12-bit samples 0x801 and 0x7ff share the middle byte for their low bits.
    let size = Size::new(2, 1);
    let mut decoder = Decoder::default();
    let decoded = |d: &mut Decoder, name, bytes: &[u8]| {
        d.decode(format_by_name(name), size, 0, bytes).unwrap().data().to_vec()
    };
    assert_eq!(decoded(&mut decoder, "Mono12Packed", &[0x80, 0xf1, 0x7f]), [0x80, 0x7f]);
    // 0x801 and 0x7ff again, lowest bits first.
    assert_eq!(decoded(&mut decoder, "Mono12p", &[0x01, 0xf8, 0x7f]), [0x80, 0x7f]);
    // The 10-bit samples 0x201 and 0x1ff.
    assert_eq!(decoded(&mut decoder, "Mono10p", &[0x01, 0xfe, 0x07]), [0x80, 0x7f]);
    assert_eq!(decoded(&mut decoder, "Mono10Packed", &[0x80, 0x31, 0x7f]), [0x80, 0x7f]);
}

#[test]
fn every_colour_order_is_decoded_to_blue_green_red_planes() {
    let size = Size::new(2, 1);
    let expected = ImageU8::new(3, size, vec![3, 6, 2, 5, 1, 4]).unwrap();
    let cases: [(&str, &[u8]); 5] = [
        ("RGB8", &[1, 2, 3, 4, 5, 6]),
        ("BGR8", &[3, 2, 1, 6, 5, 4]),
        ("RGBa8", &[1, 2, 3, 9, 4, 5, 6, 9]),
        ("BGRa8", &[3, 2, 1, 9, 6, 5, 4, 9]),
        ("RGB8_Planar", &[1, 4, 2, 5, 3, 6]),
    ];
    for (name, bytes) in cases {
        let picture = Decoder::default().decode(format_by_name(name), size, 0, bytes).unwrap();
        assert_eq!(picture, expected, "{name}");
    }
    // Pure red of JFIF: Y 76, Cb 85, Cr 255.
    for (name, bytes) in [("YUV422_8", [76, 85, 76, 255]), ("YUV422_8_UYVY", [85, 76, 255, 76])] {
        let picture = Decoder::default().decode(format_by_name(name), size, 0, &bytes).unwrap();
        let (rest, red) = picture.data().split_at(4);
        assert!(red.iter().all(|v| *v >= 253) && rest.iter().all(|v| *v <= 1), "{picture:?}");
    }
}

#[test]
fn too_few_bytes_or_pixels_decode_to_none() {
    for format in FORMATS {
        let size = Size::new(6, 4);
        let length = format.row_bytes(6) * if format.layout == Layout::RgbPlanes { 12 } else { 4 };
        let mut decoder = Decoder::default();
        assert!(decoder.decode(*format, size, 0, &vec![7; length]).is_some(), "{}", format.name);
        assert!(decoder.decode(*format, size, 0, &vec![7; length - 1]).is_none());
        assert!(decoder.decode(*format, Size::new(0, 0), 0, &[]).is_none());
        assert!(decoder.decode(*format, Size::new(usize::MAX / 8, 4), 0, &[7; 64]).is_none());
    }
    assert!(
        Decoder::default()
            .decode(format_by_name("BayerRG8"), Size::new(2, 2), 0, &[7; 4])
            .is_none()
    );
}
