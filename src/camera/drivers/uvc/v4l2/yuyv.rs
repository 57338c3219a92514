//! Pictures as the bytes that video devices take.

use crate::image::{ImageU8, Size};

/// A picture that is read at another size: as large as fits, in the middle of black.
struct Fitted<'a> {
    planes: [&'a [u8]; 3],
    from: Size,
    /// Size of the picture within the whole, and its first column and row.
    inner: Size,
    first: (usize, usize),
}

impl<'a> Fitted<'a> {
    fn new(picture: &'a ImageU8, whole: Size) -> Self {
        let from = picture.size();
        // An odd column is left out, not scaled.
        let cropped = from.height == whole.height && from.width.abs_diff(whole.width) <= 1;
        let inner = if cropped {
            whole
        } else if from.width * whole.height >= from.height * whole.width {
            Size::new(whole.width, (from.height * whole.width / from.width).max(1))
        } else {
            Size::new((from.width * whole.height / from.height).max(1), whole.height)
        };
        let from = if cropped { Size::new(whole.width, from.height) } else { from };
        let first = ((whole.width - inner.width) / 2, (whole.height - inner.height) / 2);
        let planes = [0, 1, 2].map(|channel| picture.plane(channel));
        Self { planes, from, inner, first }
    }

    /// Blue, green and red of a pixel of the whole.
    fn pixel(&self, stride: usize, x: usize, y: usize) -> [i32; 3] {
        let (Some(x), Some(y)) = (x.checked_sub(self.first.0), y.checked_sub(self.first.1)) else {
            return [0; 3];
        };
        if x >= self.inner.width || y >= self.inner.height {
            return [0; 3];
        }
        let column = (x * self.from.width / self.inner.width).min(stride - 1);
        let row = y * self.from.height / self.inner.height;
        self.planes.map(|plane| plane.get(row * stride + column).map_or(0, |v| i32::from(*v)))
    }
}

/// Appends a picture as YUYV: two pixels in four bytes, in the limited range of ITU-R BT.601, which
/// is what V4L2 assumes of YUV where nothing is stated. `size` has an even width.
pub(super) fn append_yuyv(picture: &ImageU8, size: Size, stride: usize, out: &mut Vec<u8>) {
    let fitted = Fitted::new(picture, size);
    let columns = picture.size().width;
    for y in 0..size.height {
        let end = out.len() + stride;
        for x in (0..size.width).step_by(2) {
            let [left, right] = [x, x + 1].map(|x| fitted.pixel(columns, x, y));
            let [b, g, r] = [0, 1, 2].map(|i: usize| {
                left.get(i).copied().unwrap_or(0) + right.get(i).copied().unwrap_or(0)
            });
            // The sums of two pixels, in units of 2^-9.
            let byte = |value: i32| ((value + 256) >> 9).clamp(0, 255) as u8;
            let u = byte(128 * 512 - 38 * r - 74 * g + 112 * b);
            let v = byte(128 * 512 + 112 * r - 94 * g - 18 * b);
            out.extend([luma(left), u, luma(right), v]);
        }
        out.resize(end, 0);
    }
}

/// Brightness from 16 to 235.
fn luma([b, g, r]: [i32; 3]) -> u8 {
    (16 + ((66 * r + 129 * g + 25 * b + 128) >> 8)).clamp(0, 255) as u8
}

/// Appends a picture as red, green, blue.
pub(super) fn append_rgb(picture: &ImageU8, size: Size, stride: usize, out: &mut Vec<u8>) {
    let fitted = Fitted::new(picture, size);
    let columns = picture.size().width;
    for y in 0..size.height {
        let end = out.len() + stride;
        for x in 0..size.width {
            let [b, g, r] = fitted.pixel(columns, x, y);
            out.extend([r, g, b].map(|v| v.clamp(0, 255) as u8));
        }
        out.resize(end, 0);
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        reason = "a test may fail by panicking"
    )]

    use super::*;

    /// One colour everywhere: blue, green, red.
    fn plain(size: Size, colour: [u8; 3]) -> ImageU8 {
        let data = colour.iter().flat_map(|v| vec![*v; size.area()]).collect();
        ImageU8::new(3, size, data).unwrap()
    }

    #[test]
    fn colours_are_those_of_bt_601_in_limited_range() {
        let size = Size::new(2, 1);
        for (b, g, r) in
            [(0, 0, 0), (255, 255, 255), (0, 0, 255), (255, 0, 0), (0, 255, 0), (9, 99, 200)]
        {
            let mut bytes = Vec::new();
            append_yuyv(&plain(size, [b, g, r]), size, 4, &mut bytes);
            let (b, g, r) = (f64::from(b) / 255.0, f64::from(g) / 255.0, f64::from(r) / 255.0);
            let y = 0.299 * r + 0.587 * g + 0.114 * b;
            let (u, v) = ((b - y) / 1.772, (r - y) / 1.402);
            let expected =
                [16.0 + 219.0 * y, 128.0 + 224.0 * u, 16.0 + 219.0 * y, 128.0 + 224.0 * v];
            for (byte, value) in bytes.iter().zip(expected) {
                assert!((f64::from(*byte) - value).abs() < 1.6, "{bytes:?} {expected:?}");
            }
        }
    }

    #[test]
    fn rows_have_the_stride_that_the_device_asks_for() {
        let size = Size::new(3, 2);
        let picture = ImageU8::new(1, size, vec![1, 2, 3, 4, 5, 6]).unwrap();
        let mut rgb = Vec::new();
        append_rgb(&picture, size, 10, &mut rgb);
        assert_eq!(rgb, [1, 1, 1, 2, 2, 2, 3, 3, 3, 0, 4, 4, 4, 5, 5, 5, 6, 6, 6, 0]);
        // The last column of an odd width is left out.
        let mut yuyv = Vec::new();
        append_yuyv(&picture, Size::new(2, 2), 6, &mut yuyv);
        assert_eq!(yuyv, [17, 128, 18, 128, 0, 0, 19, 128, 20, 128, 0, 0]);
    }

    #[test]
    fn another_size_is_fitted_into_the_middle() {
        let picture = plain(Size::new(4, 2), [10, 20, 30]);
        let mut rgb = Vec::new();
        append_rgb(&picture, Size::new(2, 3), 6, &mut rgb);
        // Half the width, so one row of the three.
        let row = [30, 20, 10, 30, 20, 10];
        assert_eq!(rgb, [[0; 6], row, [0; 6]].concat());
        let mut large = Vec::new();
        append_rgb(&picture, Size::new(8, 4), 24, &mut large);
        assert!(large.chunks(3).all(|pixel| pixel == [30, 20, 10]));
    }
}
