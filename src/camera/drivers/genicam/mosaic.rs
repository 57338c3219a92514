//! Demosaicing of Bayer images with the gradient-corrected linear filters of Malvar, He and
//! Cutler ("High-quality linear interpolation for demosaicing of Bayer-patterned color
//! images", ICASSP 2004): 5x5 taps, exact for uniform colours.
//!
//! Every filter is computed for every pixel of a row without branches, and the right results
//! are selected afterwards, which is faster with SIMD instructions for eight lanes.

use crate::image::{ImagePool, ImageU8, Size};

/// Colours of the first two pixels of the first row. Green is diagonal to green.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// Red, green.
    Rg,
    /// Green, red.
    Gr,
    /// Green, blue.
    Gb,
    /// Blue, green.
    Bg,
}

/// Width of the mirrored border in pixels that the filters read; mirroring keeps the pattern.
const MARGIN: usize = 2;

/// A mosaic of 10-bit samples, with work buffers for demosaicing.
#[derive(Debug, Default)]
pub struct Mosaic {
    /// Width and height in pixels, initially zero.
    size: (usize, usize),
    samples: Vec<i16>,
    rows: [Vec<u8>; 5],
}

impl Mosaic {
    /// Starts an image of `size`; its rows must then be written.
    pub fn begin(&mut self, size: Size) {
        self.size = (size.width, size.height);
        self.samples.resize((size.width + 2 * MARGIN) * (size.height + 2 * MARGIN), 0);
        self.rows.iter_mut().for_each(|row| row.resize(size.width, 0));
    }

    fn stride(&self) -> usize {
        self.size.0 + 2 * MARGIN
    }

    /// Row `y`, to be filled with samples of 0 to 1023.
    pub fn row(&mut self, y: usize) -> Option<&mut [i16]> {
        let from = (y + MARGIN) * self.stride() + MARGIN;
        self.samples.get_mut(from..from + self.size.0)
    }

    /// Returns the demosaiced image in a buffer from `pictures`; `None` if a side has fewer than
    /// three pixels.
    pub fn finish(&mut self, pattern: Pattern, pictures: &ImagePool<u8>) -> Option<ImageU8> {
        let (width, height) = self.size;
        if width < 3 || height < 3 {
            return None;
        }
        self.mirror();
        let size = Size::new(width, height);
        let mut picture = ImageU8::in_pool(pictures, true, size, 0);
        let (b, rest) = picture.data_mut().split_at_mut_checked(size.area())?;
        let (g, r) = rest.split_at_mut_checked(size.area())?;
        let stride = self.stride();
        let out = b.chunks_exact_mut(width).zip(g.chunks_exact_mut(width));
        for (y, ((b, g), r)) in out.zip(r.chunks_exact_mut(width)).enumerate() {
            let window = self.samples.get(y * stride..(y + 5) * stride)?;
            filter(window, stride, width, &mut self.rows);
            // Column of the red or blue pixels in the first row, and whether they are red.
            let (first, red) = match pattern {
                Pattern::Rg => (0, true),
                Pattern::Gr => (1, true),
                Pattern::Gb => (1, false),
                Pattern::Bg => (0, false),
            };
            let (first, red) = if y % 2 == 0 { (first, red) } else { (1 - first, !red) };
            let (own, other) = if red { (r, b) } else { (b, r) };
            select(&self.rows, first, own, g, other);
        }
        Some(picture)
    }

    /// Fills the border by mirroring.
    fn mirror(&mut self) {
        let (stride, (width, height)) = (self.stride(), self.size);
        for y in MARGIN..height + MARGIN {
            let Some(row) = self.samples.get_mut(y * stride..(y + 1) * stride) else { return };
            for i in 1..=MARGIN {
                row.copy_within(MARGIN + i..MARGIN + i + 1, MARGIN - i);
                let last = MARGIN + width - 1;
                row.copy_within(last - i..last - i + 1, last + i);
            }
        }
        for i in 1..=MARGIN {
            let (first, last) = (MARGIN, MARGIN + height - 1);
            let mut copy = |from: usize, to: usize| {
                self.samples.copy_within(from * stride..(from + 1) * stride, to * stride);
            };
            copy(first + i, first - i);
            copy(last - i, last + i);
        }
    }
}

/// Converts a 10-bit sample in units of 1/16 to 8 bits, rounded.
fn byte(sixteenths: i16) -> u8 {
    ((sixteenths + 32) >> 6).clamp(0, 255) as u8
}

/// Computes the sample itself and the cross, horizontal, vertical and diagonal filters for each
/// pixel of the middle one of five rows. Coefficients are in units of 1/16. With 10-bit samples
/// no sum exceeds 16 bits (the largest is 28 times 1023 plus rounding).
fn filter(window: &[i16], stride: usize, width: usize, out: &mut [Vec<u8>; 5]) {
    let at = |row: usize, column: usize| {
        let from = row * stride + column;
        window.get(from..from + width).unwrap_or(&[])
    };
    let [own, cross, horizontal, vertical, diagonal] = out;
    let (nn, ss, ww, ee) = (at(0, 2), at(4, 2), at(2, 0), at(2, 4));
    let (n, s, w, e, c) = (at(1, 2), at(3, 2), at(2, 1), at(2, 3), at(2, 2));
    let (nw, ne, sw, se) = (at(1, 1), at(1, 3), at(3, 1), at(3, 3));
    own.iter_mut().zip(c).for_each(|(o, c)| *o = byte(c * 16));
    let far = || nn.iter().zip(ss).zip(ww.iter().zip(ee));
    let near = || n.iter().zip(s).zip(w.iter().zip(e));
    let corners = || nw.iter().zip(ne).zip(sw.iter().zip(se));
    let all = || c.iter().zip(far());
    for ((o, (c, ((nn, ss), (ww, ee)))), ((n, s), (w, e))) in
        cross.iter_mut().zip(all()).zip(near())
    {
        *o = byte(8 * c + 4 * (n + s + w + e) - 2 * (nn + ss + ww + ee));
    }
    let lines = horizontal.iter_mut().zip(vertical).zip(diagonal);
    let around = all().zip(near()).zip(corners());
    for (((l, u), d), (((c, far), near), ((nw, ne), (sw, se)))) in lines.zip(around) {
        let (((nn, ss), (ww, ee)), ((n, s), (w, e))) = (far, near);
        let corners = nw + ne + sw + se;
        *l = byte(10 * c + 8 * (w + e) - 2 * (corners + ww + ee) + nn + ss);
        *u = byte(10 * c + 8 * (n + s) - 2 * (corners + nn + ss) + ww + ee);
        *d = byte(12 * c + 4 * corners - 3 * (nn + ss + ww + ee));
    }
}

/// Selects the colours of a row from the filtered rows: its own colour at every second pixel
/// starting at `first`, green at the others.
fn select(rows: &[Vec<u8>; 5], first: usize, own: &mut [u8], green: &mut [u8], other: &mut [u8]) {
    let [identity, cross, horizontal, vertical, diagonal] = rows;
    let filtered = identity.iter().zip(cross).zip(horizontal.iter().zip(vertical)).zip(diagonal);
    let out = own.iter_mut().zip(green).zip(other);
    for (x, (((own, green), other), (((i, c), (l, u)), d))) in out.zip(filtered).enumerate() {
        let colour = x % 2 == first;
        *own = if colour { *i } else { *l };
        *green = if colour { *c } else { *i };
        *other = if colour { *d } else { *u };
    }
}
