//! Values that start at a cache line: a load of a register that crosses two lines takes twice as long.

use std::ops::{Deref, DerefMut};

/// Values in a cache line of 64 bytes, as x86-64 and most other processors have it.
const CACHE_LINE: usize = 16;

/// A vector whose first value starts a cache line, and whose memory can be used again.
#[derive(Debug, Default)]
pub(crate) struct Aligned {
    memory: Vec<f32>,
    start: usize,
    len: usize,
}

impl Aligned {
    /// `len` zeros.
    pub(crate) fn zeros(len: usize) -> Self {
        let memory = vec![0.0_f32; len + CACHE_LINE];
        // An implementation may refuse to compute it; then the values are not aligned.
        let start = memory.as_ptr().align_offset(CACHE_LINE * size_of::<f32>()).min(CACHE_LINE);
        Self { memory, start, len }
    }

    /// Takes the smallest of `free` that holds `len` values and at most twice as many; of several the
    /// one freed last, which is most likely in the cache. Its values are old ones or zeros.
    pub(crate) fn reuse(free: &mut Vec<Self>, len: usize) -> Option<Self> {
        let fits = (free.iter().enumerate().rev())
            .filter(|(_, values)| (len..=2 * len).contains(&values.capacity()))
            .min_by_key(|(_, values)| values.capacity());
        let mut values = fits.map(|(i, _)| i).map(|i| free.remove(i))?;
        values.set_len(len);
        Some(values)
    }

    /// The largest length that its memory allows.
    pub(crate) fn capacity(&self) -> usize {
        self.memory.len().saturating_sub(CACHE_LINE)
    }

    /// Sets the length, at most the capacity. Values beyond the former length are old ones or zeros: to
    /// set them would take time, and whoever uses the memory again writes all of it.
    pub(crate) fn set_len(&mut self, len: usize) {
        debug_assert!(len <= self.capacity());
        self.len = len.min(self.capacity());
    }
}

impl Deref for Aligned {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        self.memory.get(self.start..self.start + self.len).unwrap_or_default()
    }
}

impl DerefMut for Aligned {
    fn deref_mut(&mut self) -> &mut [f32] {
        self.memory.get_mut(self.start..self.start + self.len).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_start_at_a_cache_line_and_stay_when_the_length_changes() {
        for len in [0, 1, 17, 1000] {
            let mut values = Aligned::zeros(len);
            assert_eq!((values.len(), values.capacity()), (len, len));
            assert!(values.as_ptr().addr().is_multiple_of(64));
            values.fill(1.0);
            values.set_len(len / 2);
            assert_eq!(values.len(), len / 2);
            values.set_len(len);
            assert_eq!(values.len(), len);
            assert!(values.iter().all(|v| *v == 1.0));
        }
        let empty = Aligned::default();
        assert_eq!((empty.len(), empty.capacity()), (0, 0));
    }
}
