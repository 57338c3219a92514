//! Images at a smaller size: every pixel is the mean of the area that it covers.

use super::{ImageF32, ImageU8, Rounding, Size};
use std::ops::Range;

impl ImageF32 {
    /// The image at a smaller size. Every pixel is the mean of the area that it covers.
    pub fn shrunk(&self, size: Size) -> Self {
        let mut out = Self::filled(self.channels() == 3, size, 0.0);
        let (from, to) = (self.size(), out.size());
        let (columns, rows) = (shares(from.width, to.width), shares(from.height, to.height));
        for (channel, plane) in out.data_mut().chunks_exact_mut(to.area()).enumerate() {
            let lines: Vec<&[f32]> = self.plane(channel).chunks_exact(from.width).collect();
            for (row, shares_y) in plane.chunks_exact_mut(to.width).zip(&rows) {
                for (line, share_y) in
                    shares_y.iter().filter_map(|(y, s)| Some((lines.get(*y)?, s)))
                {
                    for (v, shares_x) in row.iter_mut().zip(&columns) {
                        let values = shares_x.iter().filter_map(|(x, s)| Some(line.get(*x)? * s));
                        *v += share_y * values.sum::<f32>();
                    }
                }
            }
        }
        out
    }
}

impl ImageU8 {
    /// As [`ImageF32::shrunk`], rounded to the nearest level.
    pub fn shrunk(&self, size: Size) -> Self {
        self.to_f32().shrunk(size).rounded(Rounding::Nearest)
    }

    /// The image shrunk until its longer side has at most `side` pixels.
    pub fn shrunk_to_fit(&self, side: usize) -> Self {
        let size = self.size();
        let longest = size.width.max(size.height);
        if longest <= side || side == 0 {
            return self.clone();
        }
        let scaled = |n: usize| (n * side / longest).max(1);
        self.shrunk(Size::new(scaled(size.width), scaled(size.height)))
    }
}

/// For each of `to` equal parts of `from` pixels: the pixels in it, with the shares that they have
/// in their mean.
fn shares(from: usize, to: usize) -> Vec<Vec<(usize, f32)>> {
    let scale = from as f64 / to.max(1) as f64;
    (0..to)
        .map(|i| {
            let (start, end) = (i as f64 * scale, (i + 1) as f64 * scale);
            (start as usize..from.min(end.ceil() as usize))
                .map(|k| {
                    let covered = end.min((k + 1) as f64) - start.max(k as f64);
                    (k, (covered / scale) as f32)
                })
                .collect()
        })
        .collect()
}

/// The whole pixels that belong to cell `i` of `cells` along a side of `pixels`: one more or less
/// where the division is not exact, and at least one.
pub(crate) fn pixels_of_cell(i: usize, pixels: usize, cells: usize) -> Range<usize> {
    let start = (i * pixels / cells).min(pixels.saturating_sub(1));
    start..((i + 1) * pixels / cells).max(start + 1)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

    use super::*;

    #[test]
    fn a_smaller_image_averages_the_area_of_every_pixel() {
        let frame = ImageF32::new(1, Size::new(3, 2), vec![0.0, 3.0, 6.0, 3.0, 6.0, 9.0]).unwrap();
        // Columns of 1.5 pixels: (0 + 3 / 2) / 1.5 and (3 / 2 + 6) / 1.5, then the mean of two rows.
        let small = frame.shrunk(Size::new(2, 1));
        let expected = [(1.0 + 4.0) / 2.0, (5.0 + 8.0) / 2.0];
        for (v, expected) in small.data().iter().zip(expected) {
            assert!((v - expected).abs() < 1e-5, "{:?}", small.data());
        }
    }

    #[test]
    fn every_pixel_belongs_to_one_cell_and_every_cell_has_a_pixel() {
        for (pixels, cells) in [(12, 4), (13, 4), (7, 7), (100, 33)] {
            let all: Vec<usize> =
                (0..cells).flat_map(|i| pixels_of_cell(i, pixels, cells)).collect();
            assert!(all.iter().copied().eq(0..pixels), "{pixels} {cells}: {all:?}");
        }
        assert_eq!([0, 1, 2, 3].map(|i| pixels_of_cell(i, 2, 4)), [0..1, 0..1, 1..2, 1..2]);
    }

    #[test]
    fn an_image_keeps_its_proportions_and_a_small_one_its_size() {
        let large = ImageU8::filled(true, Size::new(400, 100), 77);
        let small = large.shrunk_to_fit(192);
        assert_eq!((small.size(), small.channels()), (Size::new(192, 48), 3));
        assert!(small.data().iter().all(|v| *v == 77));
        assert_eq!(small.shrunk_to_fit(192), small);
        // A side never vanishes.
        assert_eq!(
            ImageU8::filled(false, Size::new(500, 2), 0).shrunk_to_fit(10).size(),
            Size::new(10, 1)
        );
    }
}
