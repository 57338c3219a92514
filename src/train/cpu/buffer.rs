//! Memory of feature maps and scratch values, used again by later ones of the same thread.

use crate::engine::cpu::aligned::Aligned;
use std::cell::RefCell;
use std::ops::{Deref, DerefMut};

thread_local! {
    /// Memory of maps that are no longer needed: for large maps, allocating costs more than the
    /// arithmetic. A sample stays on its thread, and so do its maps.
    static FREE: RefCell<Vec<Aligned>> = const { RefCell::new(Vec::new()) };
}

/// Number of vectors that a thread keeps. The four forward passes of a sample in the second published stage
/// hold 264 maps together, and its backward pass needs some more.
const MAX_FREE: usize = 512;

/// Values of a map, or scratch values. Dropping it makes its memory available to later ones.
#[derive(Debug)]
pub(crate) struct Buffer(Aligned);

impl Buffer {
    /// Free memory ([`Aligned::reuse`]), else new memory. Its values are old ones or zeros.
    pub(crate) fn unset(len: usize) -> Self {
        let free = FREE.with_borrow_mut(|free| Aligned::reuse(free, len));
        Self(free.unwrap_or_else(|| Aligned::zeros(len)))
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let values = std::mem::take(&mut self.0);
        // On an exiting thread the list is already gone; then the memory is freed.
        let _ = FREE.try_with(|free| {
            if let Ok(mut free) = free.try_borrow_mut() {
                if free.len() == MAX_FREE {
                    // The oldest has been of no use for longest.
                    free.remove(0);
                }
                free.push(values);
            }
        });
    }
}

impl Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.0
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_used_again_by_smaller_maps_and_then_by_larger_ones() {
        let mut first = Buffer::unset(100);
        first.fill(1.0);
        let address = first.as_ptr();
        drop(first);
        let smaller = Buffer::unset(60);
        assert_eq!((smaller.as_ptr(), smaller.len()), (address, 60));
        drop(smaller);
        let again = Buffer::unset(100);
        assert_eq!((again.as_ptr(), again.len()), (address, 100));
        assert!(again.iter().all(|v| *v == 1.0), "the values were written again");
        let other = Buffer::unset(100);
        let newest = other.as_ptr();
        drop((again, other));
        assert_eq!(Buffer::unset(100).as_ptr(), newest);
        assert_eq!(Buffer::unset(49).0.capacity(), 49);
        assert_ne!(Buffer::unset(49).as_ptr(), address, "more than twice the length");
    }
}
