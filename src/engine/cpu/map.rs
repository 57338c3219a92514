//! Feature maps: channels last, with a border of zeros for the convolution that reads them.

use rayon::prelude::*;

/// `(height, width, channels)` numbers inside a border of `pad` zero pixels.
pub(super) struct Map {
    pub(super) h: usize,
    pub(super) w: usize,
    pub(super) c: usize,
    pub(super) pad: usize,
    data: Vec<f32>,
}

impl Map {
    pub(super) fn new(h: usize, w: usize, c: usize, pad: usize) -> Self {
        Self { h, w, c, pad, data: vec![0.0; (h + 2 * pad) * (w + 2 * pad) * c] }
    }

    /// Numbers from one row to the next.
    pub(super) fn stride(&self) -> usize {
        (self.w + 2 * self.pad) * self.c
    }

    fn offset(&self, y: usize, x: usize) -> usize {
        (y + self.pad) * self.stride() + (x + self.pad) * self.c
    }

    /// Address of the first pixel of the window of side `k` centred on `(y, x)`.
    pub(super) fn window(&self, y: usize, x: usize, k: usize) -> *const f32 {
        debug_assert!(k / 2 <= self.pad && y < self.h && x < self.w);
        let back = k / 2 * (self.stride() + self.c);
        self.data.as_ptr().wrapping_add(self.offset(y, x) - back)
    }

    /// The pixels of a row, without its border.
    pub(super) fn row(&self, y: usize) -> &[f32] {
        &self.data[self.offset(y, 0)..][..self.w * self.c]
    }

    /// Calls `f(scratch, y, row)` for every row, on all threads of the current pool.
    pub(super) fn for_rows<T>(
        &mut self,
        scratch: impl Fn() -> T + Sync + Send,
        f: impl Fn(&mut T, usize, &mut [f32]) + Sync + Send,
    ) {
        let (stride, border, len) = (self.stride(), self.pad * self.c, self.w * self.c);
        let (first, height) = (self.pad * stride, self.h);
        self.data[first..first + height * stride]
            .par_chunks_mut(stride)
            .enumerate()
            .for_each_init(scratch, |s, (y, row)| f(s, y, &mut row[border..border + len]));
    }

    /// From `(channels, height, width)`, every number passed through `f`.
    pub(super) fn from_chw(
        chw: &[f32],
        (c, h, w): (usize, usize, usize),
        pad: usize,
        f: impl Fn(f32) -> f32 + Sync + Send,
    ) -> Self {
        let mut map = Self::new(h, w, c, pad);
        map.for_rows(
            || (),
            |(), y, row| {
                for (ch, plane) in chw.chunks_exact(h * w).enumerate() {
                    for (x, v) in plane[y * w..][..w].iter().enumerate() {
                        row[x * c + ch] = f(*v);
                    }
                }
            },
        );
        map
    }
}
