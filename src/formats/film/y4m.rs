//! YUV4MPEG2: uncompressed frames with a header of text, as mjpegtools defines it.

use crate::image::{ImageU8, Size};
use std::io::{Result, Write};

/// Parts of a second in which rates are stated.
const PARTS: f64 = 1000.0;

pub(super) fn header(size: Size, rate_hz: f64, out: &mut impl Write) -> Result<()> {
    let Size { width, height } = size;
    let rate = (rate_hz * PARTS).round() as u64;
    writeln!(out, "YUV4MPEG2 W{width} H{height} F{rate}:{PARTS} Ip A1:1 C444")
}

/// Appends a frame in full resolution of colour: BT.601 with 219 steps of luma.
pub(super) fn frame(picture: &ImageU8, out: &mut impl Write) -> Result<()> {
    out.write_all(b"FRAME\n")?;
    let rows = [[65.481, 128.553, 24.966], [-37.797, -74.203, 112.0], [112.0, -93.786, -18.214]];
    for (weights, offset) in rows.into_iter().zip([16.0, 128.0, 128.0]) {
        let [r, g, b] = weights.map(|w: f64| (w / 255.0) as f32);
        let (blue, green, red) = (picture.plane(0), picture.plane(1), picture.plane(2));
        let plane: Vec<u8> = (red.iter().zip(green).zip(blue))
            .map(|((red, green), blue)| {
                let sum = r * f32::from(*red) + g * f32::from(*green) + b * f32::from(*blue);
                (sum + offset).round() as u8
            })
            .collect();
        out.write_all(&plane)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

    use super::*;

    #[test]
    fn colours_have_the_values_of_the_standard() {
        // Black, white, red and blue, as BT.601 gives them in 8 bits.
        let rgb = [0, 0, 0, 255, 255, 255, 255, 0, 0, 0, 0, 255];
        let picture = ImageU8::from_rgb(Size::new(4, 1), &rgb).unwrap();
        let mut out = Vec::new();
        header(picture.size(), 29.97, &mut out).unwrap();
        frame(&picture, &mut out).unwrap();
        let text = b"YUV4MPEG2 W4 H1 F29970:1000 Ip A1:1 C444\nFRAME\n";
        let planes = out.strip_prefix(text.as_slice()).unwrap();
        assert_eq!(planes, [16, 235, 81, 41, 128, 128, 90, 240, 128, 128, 240, 110]);
    }
}
