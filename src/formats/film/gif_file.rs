//! GIF: 256 colours a frame, for pages that show no video.

use crate::image::ImageU8;
use image::codecs::gif::{GifEncoder, Repeat};
use image::{Delay, Frame, RgbaImage};
use std::fs::File;
use std::io::{BufWriter, Result as IoResult, Write};
use std::sync::{Arc, OnceLock};

/// Speed of the choice of colours, from 1 (best) to 30.
const SPEED: i32 = 10;

/// A GIF that is being written; it repeats forever.
pub(super) struct Gif {
    encoder: GifEncoder<BufWriter<Watched>>,
    delay: Delay,
    fault: Fault,
}

/// The first error of a file. The encoder writes its end when it is dropped, and reports nothing.
type Fault = Arc<OnceLock<String>>;

/// A file whose first error is kept.
struct Watched {
    file: File,
    fault: Fault,
}

impl Watched {
    fn watch<T>(&self, result: IoResult<T>) -> IoResult<T> {
        result.inspect_err(|e| drop(self.fault.set(e.to_string())))
    }
}

impl Write for Watched {
    fn write(&mut self, bytes: &[u8]) -> IoResult<usize> {
        let written = self.file.write(bytes);
        self.watch(written)
    }

    fn flush(&mut self) -> IoResult<()> {
        let flushed = self.file.flush();
        self.watch(flushed)
    }
}

impl Gif {
    pub(super) fn new(file: File, rate_hz: f64) -> Result<Self, String> {
        let fault = Fault::default();
        let watched = Watched { file, fault: fault.clone() };
        let mut encoder = GifEncoder::new_with_speed(BufWriter::new(watched), SPEED);
        encoder.set_repeat(Repeat::Infinite).map_err(|e| e.to_string())?;
        // Delays are in hundredths of a second, and viewers slow down anything below two.
        let hundredths = (100.0 / rate_hz).round().max(2.0) as u32;
        Ok(Self { encoder, delay: Delay::from_numer_denom_ms(10 * hundredths, 1), fault })
    }

    /// Writes the end of the file.
    pub(super) fn finish(self) -> Result<(), String> {
        let Self { encoder, fault, .. } = self;
        drop(encoder);
        fault.get().map_or(Ok(()), |why| Err(why.clone()))
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
