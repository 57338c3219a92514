//! Feature maps: channels last, with a border of zeros for the next convolution.

use super::aligned::Aligned;
use crate::panics::Locked;
use rayon::prelude::*;
use std::sync::{Arc, Mutex};

/// Pool of the memory of dropped maps, the oldest first: restoring the same size again allocates
/// nothing and causes no page faults.
#[derive(Clone, Default)]
pub(super) struct Buffers(Arc<Mutex<Vec<Aligned>>>);

impl Buffers {
    /// A map with undefined contents: all pixels must be written before they are read. The border
    /// is zero.
    pub(super) fn map(&self, h: usize, w: usize, c: usize, pad: usize) -> Map {
        let len = (h + 2 * pad) * (w + 2 * pad) * c;
        let data = Aligned::reuse(&mut self.0.locked(), len).unwrap_or_else(|| {
            // Slightly larger, so that the same map with another border can reuse it.
            let mut new = Aligned::zeros(len + len / 16);
            new.set_len(len);
            new
        });
        let mut map = Map { h, w, c, pad, data, buffers: self.clone() };
        map.clear_border();
        map
    }

    /// Keeps at most `most` unused values, those that were freed last.
    pub(super) fn trim(&self, most: usize) {
        let mut free = self.0.locked();
        let mut left = free.iter().map(Aligned::capacity).sum::<usize>();
        free.retain(|buffer| {
            let kept = left <= most;
            if !kept {
                left -= buffer.capacity();
            }
            kept
        });
    }
}

/// `(height, width, channels)` values inside a border of `pad` zero pixels.
pub(super) struct Map {
    pub(super) h: usize,
    pub(super) w: usize,
    pub(super) c: usize,
    pub(super) pad: usize,
    data: Aligned,
    buffers: Buffers,
}

impl Drop for Map {
    fn drop(&mut self) {
        let data = std::mem::take(&mut self.data);
        self.buffers.0.locked().push(data);
    }
}

impl Map {
    fn clear_border(&mut self) {
        let (stride, side) = (self.stride(), self.pad * self.c);
        if side == 0 {
            return;
        }
        let (top, rest) = self.data.split_at_mut(self.pad * stride);
        let (middle, bottom) = rest.split_at_mut(self.h * stride);
        top.fill(0.0);
        bottom.fill(0.0);
        for row in middle.chunks_exact_mut(stride) {
            row[..side].fill(0.0);
            row[stride - side..].fill(0.0);
        }
    }

    /// Distance between rows, in values.
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

    /// A map with undefined contents from the same pool.
    pub(super) fn another(&self, h: usize, w: usize, c: usize, pad: usize) -> Self {
        self.buffers.map(h, w, c, pad)
    }

    /// Calls `f(scratch, y, row)` for every row, on all threads of the current pool. Each thread
    /// has its own scratch buffer of `scratch` values, with undefined contents.
    pub(super) fn for_rows(
        &mut self,
        scratch: usize,
        f: impl Fn(&mut [f32], usize, &mut [f32]) + Sync + Send,
    ) {
        let buffers = self.buffers.clone();
        let (stride, border, len) = (self.stride(), self.pad * self.c, self.w * self.c);
        let (first, height) = (self.pad * stride, self.h);
        self.data[first..first + height * stride].par_chunks_mut(stride).enumerate().for_each_init(
            || buffers.map(1, 1, scratch, 0),
            |s, (y, row)| f(&mut s.data, y, &mut row[border..border + len]),
        );
    }

    /// Converts from `(channels, height, width)`, applying `f` to every value.
    pub(super) fn from_chw(
        buffers: &Buffers,
        chw: &[f32],
        (c, h, w): (usize, usize, usize),
        pad: usize,
        f: impl Fn(f32) -> f32 + Sync + Send,
    ) -> Self {
        let mut map = buffers.map(h, w, c, pad);
        map.for_rows(0, |_, y, row| {
            // A block of pixels at a time: a whole row does not fit into the first-level cache.
            const BLOCK: usize = 32;
            for (i, pixels) in row.chunks_mut(BLOCK * c).enumerate() {
                let (start, count) = (y * w + i * BLOCK, pixels.len() / c);
                for (channel, plane) in chw.chunks_exact(h * w).enumerate() {
                    let values = &plane[start..][..count];
                    for (pixel, v) in pixels.chunks_exact_mut(c).zip(values) {
                        pixel[channel] = f(*v);
                    }
                }
            }
        });
        map
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

    use super::*;

    #[test]
    fn the_oldest_unused_memory_goes_first_and_the_rest_is_reused() {
        let buffers = Buffers::default();
        let maps = [10, 20, 30].map(|side| buffers.map(side, side, 4, 0));
        let last = maps[2].data.as_ptr();
        drop(maps);
        let capacity =
            |b: &Buffers| b.0.lock().unwrap().iter().map(Aligned::capacity).sum::<usize>();
        buffers.trim(usize::MAX);
        assert_eq!(buffers.0.lock().unwrap().len(), 3);
        // The two smaller ones were dropped first, and are the oldest.
        buffers.trim(30 * 30 * 4 * 5 / 4);
        assert_eq!(buffers.0.lock().unwrap().len(), 1);
        assert!(capacity(&buffers) <= 30 * 30 * 4 * 5 / 4);
        // A map that is not much smaller gets the same memory.
        assert_eq!(buffers.map(29, 28, 4, 0).data.as_ptr(), last);
        buffers.trim(0);
        assert_eq!(capacity(&buffers), 0);
    }
}
