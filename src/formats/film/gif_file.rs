//! GIF: 256 colours a frame, for pages that show no video.

use crate::image::ImageU8;
use image::codecs::gif::{GifEncoder, Repeat};
use image::{Delay, Frame, RgbaImage};
use std::fs::File;
use std::io::BufWriter;

/// Speed of the choice of colours, from 1 (best) to 30.
const SPEED: i32 = 10;

/// A GIF that is being written; it repeats forever.
pub(super) struct Gif {
    encoder: GifEncoder<BufWriter<File>>,
    delay: Delay,
}

impl Gif {
    pub(super) fn new(file: File, rate_hz: f64) -> Result<Self, String> {
        let mut encoder = GifEncoder::new_with_speed(BufWriter::new(file), SPEED);
        encoder.set_repeat(Repeat::Infinite).map_err(|e| e.to_string())?;
        // Delays are in hundredths of a second, and viewers slow down anything below two.
        let hundredths = (100.0 / rate_hz).round().max(2.0) as u32;
        Ok(Self { encoder, delay: Delay::from_numer_denom_ms(10 * hundredths, 1) })
    }

    pub(super) fn add(&mut self, picture: &ImageU8) -> Result<(), String> {
        let rgb = picture.to_rgb();
        let mut rgba = Vec::with_capacity(rgb.len() / 3 * 4);
        rgb.chunks_exact(3).for_each(|pixel| {
            rgba.extend_from_slice(pixel);
            rgba.push(255);
        });
        let side = |n: usize| u32::try_from(n).map_err(|e| e.to_string());
        let (width, height) = (side(picture.size().width)?, side(picture.size().height)?);
        let image = RgbaImage::from_raw(width, height, rgba).ok_or("a frame of a wrong length")?;
        let frame = Frame::from_parts(image, 0, 0, self.delay);
        self.encoder.encode_frame(frame).map_err(|e| e.to_string())
    }
}
