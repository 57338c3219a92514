//! Pooled image buffers. Clones of an image share its memory, which returns to its pool when the last
//! of them is dropped, on any thread, so that the live path neither copies nor allocates images.

use crate::panics::Locked;
use std::sync::{Arc, Mutex};

/// Largest number of spare buffers: all that a pipeline has in use with nine target instants.
const MAX_BUFFERS: usize = 32;

/// A pool of buffers of one length.
#[derive(Clone, Debug)]
pub struct ImagePool<T> {
    spare: Arc<Mutex<Vec<Vec<T>>>>,
}

impl<T> Default for ImagePool<T> {
    fn default() -> Self {
        Self { spare: Arc::new(Mutex::new(Vec::with_capacity(MAX_BUFFERS))) }
    }
}

impl<T: Copy> ImagePool<T> {
    /// A buffer of `length` samples. A reused buffer keeps its old contents; a new one is filled
    /// with `value`.
    pub(super) fn take(&self, length: usize, value: T) -> Samples<T> {
        let data = {
            let mut spare = self.spare.locked();
            // Buffers of another length are no longer needed.
            spare.retain(|data| data.len() == length);
            spare.pop()
        };
        let data = data.unwrap_or_else(|| vec![value; length]);
        Samples(Arc::new(Buffer { data, home: Some(self.clone()) }))
    }
}

/// The samples of an image. Clones share them until one is changed.
#[derive(Debug)]
pub(super) struct Samples<T>(Arc<Buffer<T>>);

/// Memory that returns to its pool, if it has one, when the last clone of its image is dropped.
#[derive(Debug)]
struct Buffer<T> {
    data: Vec<T>,
    home: Option<ImagePool<T>>,
}

impl<T> From<Vec<T>> for Samples<T> {
    fn from(data: Vec<T>) -> Self {
        Self(Arc::new(Buffer { data, home: None }))
    }
}

impl<T> Clone for Samples<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// Made when a shared image is changed; does not belong to a pool.
impl<T: Clone> Clone for Buffer<T> {
    fn clone(&self) -> Self {
        Self { data: self.data.clone(), home: None }
    }
}

impl<T: PartialEq> PartialEq for Samples<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0.data == other.0.data
    }
}

impl<T> std::ops::Deref for Samples<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0.data
    }
}

impl<T: Clone> std::ops::DerefMut for Samples<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut Arc::make_mut(&mut self.0).data
    }
}

impl<T> Drop for Buffer<T> {
    fn drop(&mut self) {
        let Some(home) = self.home.take() else { return };
        let mut spare = home.spare.locked();
        if spare.len() < MAX_BUFFERS {
            spare.push(std::mem::take(&mut self.data));
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by panicking")]
mod tests {
    use crate::image::pool::ImagePool;
    use crate::image::{ImageU8, Size};

    #[test]
    fn a_clone_shares_the_memory_until_one_of_both_is_changed() {
        let pool = ImagePool::default();
        let size = Size::new(64, 48);
        let first = ImageU8::in_pool(&pool, true, size, 7);
        let (at, mut clone) = (first.data().as_ptr(), first.clone());
        assert_eq!(clone.data().as_ptr(), at);
        clone.data_mut().fill(9);
        assert!(first.data().iter().all(|v| *v == 7) && clone.data().iter().all(|v| *v == 9));
        let shared = first.clone();
        drop(first);
        let second = ImageU8::in_pool(&pool, true, size, 0);
        assert_ne!(second.data().as_ptr(), at, "the memory returned while a clone needs it");
        assert!(shared.data().iter().all(|v| *v == 7));
        drop(shared);
        assert_eq!(ImageU8::in_pool(&pool, true, size, 0).data().as_ptr(), at);
        // The changed clone has memory of its own, which no pool is given.
        drop(clone);
        assert_eq!(pool.spare.lock().unwrap().len(), 1);
    }

    #[test]
    fn an_image_dropped_on_another_thread_is_reused() {
        let pool = ImagePool::default();
        let size = Size::new(640, 480);
        let mut first = ImageU8::in_pool(&pool, true, size, 7);
        assert_eq!((first.channels(), first.size()), (3, size));
        assert!(first.data().iter().all(|v| *v == 7));
        first.data_mut().fill(9);
        let (at, copy) = (first.data().as_ptr(), first.clone());
        let second = ImageU8::in_pool(&pool, true, size, 0);
        assert!(second.data().as_ptr() != at, "the same memory was returned twice");
        std::thread::spawn(move || drop(first)).join().unwrap();
        drop(copy);
        // An allocator would return the freed memory for the next allocation of the same size.
        let decoy = vec![1_u8; 3 * size.area()];
        let third = ImageU8::in_pool(&pool, true, size, 0);
        assert!(third.data().as_ptr() == at && decoy.as_ptr() != at);
        assert!(third.data().iter().all(|v| *v == 9), "reused memory keeps its contents");
        let smaller = ImageU8::in_pool(&pool, false, Size::new(2, 2), 0);
        assert_eq!(smaller.data(), [0; 4]);
    }

    #[test]
    fn conversion_into_reused_memory_has_the_same_result() {
        let pool = ImagePool::default();
        let size = Size::new(16, 16);
        let mut picture = ImageU8::filled(false, size, 0);
        (0..=255).zip(picture.data_mut()).for_each(|(v, to)| *to = v);
        drop(ImageU8::filled(false, size, 200).to_f32_in(&pool));
        assert_eq!(picture.to_f32_in(&pool), picture.to_f32());
    }
}
