//! Colour from a Bayer mosaic, by the gradient-corrected linear filters of Malvar, He and
//! Cutler ("High-quality linear interpolation for demosaicing of Bayer-patterned color
//! images", ICASSP 2004): five by five, exact where colour is flat.
//!
//! Rows are computed with every filter for every pixel, without a branch, and the right ones
//! picked afterwards: on a processor that computes eight at a time this is the quicker way.

use crate::image::{ImagePool, ImageU8, Size};

/// The colours of the first two pixels of the first row; the row below has green opposite.
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

/// Pixels around the picture that the filters read, mirrored so that the colours go on.
const MARGIN: usize = 2;

/// A mosaic of ten-bit samples, and what is needed on the way to its colours.
#[derive(Debug, Default)]
pub struct Mosaic {
    /// Width and height, of nothing at first.
    size: (usize, usize),
    samples: Vec<i16>,
    rows: [Vec<u8>; 5],
}

impl Mosaic {
    /// Begins a picture of `size`, whose rows are then written.
    pub fn begin(&mut self, size: Size) {
        self.size = (size.width, size.height);
        self.samples.resize((size.width + 2 * MARGIN) * (size.height + 2 * MARGIN), 0);
        self.rows.iter_mut().for_each(|row| row.resize(size.width, 0));
    }

    fn stride(&self) -> usize {
        self.size.0 + 2 * MARGIN
    }

    /// Row `y`, for its samples of 0 to 1023.
    pub fn row(&mut self, y: usize) -> Option<&mut [i16]> {
        let from = (y + MARGIN) * self.stride() + MARGIN;
        self.samples.get_mut(from..from + self.size.0)
    }

    /// The picture in colour, in memory of `pictures`; `None` for one of less than three pixels
    /// a side.
    pub fn finish(&mut self, pattern: Pattern, pictures: &ImagePool<u8>) -> Option<ImageU8> {
        let (width, height) = self.size;
        if width < 3 || height < 3 {
            return None;
        }
        self.mirror();
        let size = Size::new(width, height);
        let mut picture = ImageU8::in_store(pictures, true, size, 0);
        let (b, rest) = picture.data_mut().split_at_mut_checked(size.area())?;
        let (g, r) = rest.split_at_mut_checked(size.area())?;
        let stride = self.stride();
        let out = b.chunks_exact_mut(width).zip(g.chunks_exact_mut(width));
        for (y, ((b, g), r)) in out.zip(r.chunks_exact_mut(width)).enumerate() {
            let window = self.samples.get(y * stride..(y + 5) * stride)?;
            filter(window, stride, width, &mut self.rows);
            // Where the first row has its colour, and whether that is red, settles all rows.
            let (first, red) = match pattern {
                Pattern::Rg => (0, true),
                Pattern::Gr => (1, true),
                Pattern::Gb => (1, false),
                Pattern::Bg => (0, false),
            };
            let (first, red) = if y % 2 == 0 { (first, red) } else { (1 - first, !red) };
            let (own, other) = if red { (r, b) } else { (b, r) };
            pick(&self.rows, first, own, g, other);
        }
        Some(picture)
    }

    /// Fills the margin.
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

/// A sample in sixteenths of ten bits, brought to eight.
fn byte(sixteenths: i16) -> u8 {
    ((sixteenths + 32) >> 6).clamp(0, 255) as u8
}

/// The sample itself, the cross, the horizontal, vertical and diagonal filter for every pixel
/// of the row in the middle of five. Coefficients in sixteenths; with ten-bit samples no sum
/// leaves sixteen bits (28 times 1023 and the rounding is the largest).
fn filter(window: &[i16], stride: usize, width: usize, out: &mut [Vec<u8>; 5]) {
    let at = |row: usize, column: usize| {
        let from = row * stride + column;
        window.get(from..from + width).unwrap_or(&[])
    };
    let [own, cross, level, upright, diagonal] = out;
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
    let lines = level.iter_mut().zip(upright).zip(diagonal);
    let around = all().zip(near()).zip(corners());
    for (((l, u), d), (((c, far), near), ((nw, ne), (sw, se)))) in lines.zip(around) {
        let (((nn, ss), (ww, ee)), ((n, s), (w, e))) = (far, near);
        let corners = nw + ne + sw + se;
        *l = byte(10 * c + 8 * (w + e) - 2 * (corners + ww + ee) + nn + ss);
        *u = byte(10 * c + 8 * (n + s) - 2 * (corners + nn + ss) + ww + ee);
        *d = byte(12 * c + 4 * corners - 3 * (nn + ss + ww + ee));
    }
}

/// From the filtered rows the colours of a row: its own colour at every second pixel from
/// `first` on, green at the others.
fn pick(rows: &[Vec<u8>; 5], first: usize, own: &mut [u8], green: &mut [u8], other: &mut [u8]) {
    let [itself, cross, level, upright, diagonal] = rows;
    let filtered = itself.iter().zip(cross).zip(level.iter().zip(upright)).zip(diagonal);
    let out = own.iter_mut().zip(green).zip(other);
    for (x, (((own, green), other), (((i, c), (l, u)), d))) in out.zip(filtered).enumerate() {
        let colour = x % 2 == first;
        *own = if colour { *i } else { *l };
        *green = if colour { *c } else { *i };
        *other = if colour { *d } else { *u };
    }
}
