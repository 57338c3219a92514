//! Pooled image buffers. An image returns its memory to its pool when it is dropped, on any thread,
//! so that the live path does not allocate memory for images.

use std::sync::{Arc, Mutex, PoisonError};

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
            let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
            // Buffers of another length are no longer needed.
            spare.retain(|data| data.len() == length);
            spare.pop()
        };
        let data = data.unwrap_or_else(|| vec![value; length]);
        Samples { data, home: Some(self.clone()) }
    }
}

/// The samples of an image, which return to their pool if they have one.
#[derive(Debug)]
pub(super) struct Samples<T> {
    data: Vec<T>,
    home: Option<ImagePool<T>>,
}

impl<T> From<Vec<T>> for Samples<T> {
    fn from(data: Vec<T>) -> Self {
        Self { data, home: None }
    }
}

/// A clone does not belong to a pool.
impl<T: Clone> Clone for Samples<T> {
    fn clone(&self) -> Self {
        self.data.clone().into()
    }
}

impl<T: PartialEq> PartialEq for Samples<T> {
    fn eq(&self, other: &Self) -> bool {
        self.data == other.data
    }
}

impl<T> std::ops::Deref for Samples<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.data
    }
}

impl<T> std::ops::DerefMut for Samples<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.data
    }
}

impl<T> Drop for Samples<T> {
    fn drop(&mut self) {
        let Some(home) = self.home.take() else { return };
        let mut spare = home.spare.lock().unwrap_or_else(PoisonError::into_inner);
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
    fn an_image_dropped_on_another_thread_is_reused_and_a_clone_is_not() {
        let store = ImagePool::default();
        let size = Size::new(640, 480);
        let mut first = ImageU8::in_store(&store, true, size, 7);
        assert_eq!((first.channels(), first.size()), (3, size));
        assert!(first.data().iter().all(|v| *v == 7));
        first.data_mut().fill(9);
        let (at, copy) = (first.data().as_ptr(), first.clone());
        let second = ImageU8::in_store(&store, true, size, 0);
        assert!(second.data().as_ptr() != at, "the same memory was returned twice");
        std::thread::spawn(move || drop(first)).join().unwrap();
        drop(copy);
        // An allocator would return the freed memory for the next allocation of the same size.
        let decoy = vec![1_u8; 3 * size.area()];
        let third = ImageU8::in_store(&store, true, size, 0);
        assert!(third.data().as_ptr() == at && decoy.as_ptr() != at);
        assert!(third.data().iter().all(|v| *v == 9), "reused memory keeps its contents");
        let smaller = ImageU8::in_store(&store, false, Size::new(2, 2), 0);
        assert_eq!(smaller.data(), [0; 4]);
    }

    #[test]
    fn conversion_into_reused_memory_has_the_same_result() {
        let store = ImagePool::default();
        let size = Size::new(16, 16);
        let mut picture = ImageU8::filled(false, size, 0);
        (0..=255).zip(picture.data_mut()).for_each(|(v, to)| *to = v);
        drop(ImageU8::filled(false, size, 200).to_planes_in(&store));
        assert_eq!(picture.to_planes_in(&store), picture.to_planes());
    }
}
