//! The images of a web camera.

use super::mjpeg;
use super::webcam::{Coding, Mode};
use crate::camera::drivers::genicam::pixels::yuv422;
use crate::image::{ImagePool, ImageU8, Size};

/// Maximum number of pixels of an image; a JPEG with a larger size in its header is rejected.
const MAX_PIXELS: u64 = 1 << 26;

/// Decodes an image to blue, green and red planes, or to one gray plane, in a buffer from
/// `pictures`. `None` if `bytes` do not form an image.
pub fn decode(mode: Mode, bytes: &[u8], pictures: &ImagePool<u8>) -> Option<ImageU8> {
    match mode.coding {
        Coding::Yuyv | Coding::Uyvy | Coding::Grey => {
            let row = mode.coding.row_bytes(mode.size.width).filter(|w| *w > 0)?;
            let bytes = bytes.get(..row.checked_mul(mode.size.height).filter(|n| *n > 0)?)?;
            let colour = mode.coding != Coding::Grey;
            let mut picture = ImageU8::in_pool(pictures, colour, mode.size, 0);
            match mode.coding {
                Coding::Yuyv => yuv422(picture, [0, 1], bytes.chunks_exact(row)),
                Coding::Uyvy => yuv422(picture, [1, 0], bytes.chunks_exact(row)),
                _ => {
                    picture.data_mut().copy_from_slice(bytes);
                    Some(picture)
                }
            }
        }
        Coding::Mjpeg => {
            let bytes = &*mjpeg::with_tables(bytes);
            let mut reader = image::ImageReader::new(std::io::Cursor::new(bytes));
            reader.set_format(image::ImageFormat::Jpeg);
            let (width, height) = reader.into_dimensions().ok()?;
            let size = Size::new(width as usize, height as usize);
            // A few bytes can claim an image that takes seconds to decode.
            if size != mode.size || u64::from(width) * u64::from(height) > MAX_PIXELS {
                return None;
            }
            let image = image::load_from_memory_with_format(bytes, image::ImageFormat::Jpeg);
            ImageU8::from_rgb(size, image.ok()?.to_rgb8().as_raw()).ok()
        }
    }
}
