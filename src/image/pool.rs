//! Pooled image buffers. Clones of an image share its memory, which returns to its pool when the last
//! of them is dropped, on any thread, so that the live path neither copies nor allocates images.

use crate::panics::Locked;
use std::sync::{Arc, Mutex};

/// Largest number of spare buffers: all that a pipeline has in use with nine target instants.
const MAX_BUFFERS: usize = 32;

/// A pool of buffers of one length.
#[derive(Clone, Debug)]
pub struct ImagePool<T> {
    /// Each is held by nothing else, and has no `home`.
    spare: Arc<Mutex<Vec<Arc<Buffer<T>>>>>,
}

impl<T> Default for ImagePool<T> {
    fn default() -> Self {
        Self { spare: Arc::new(Mutex::new(Vec::with_capacity(MAX_BUFFERS))) }
    }
}

impl<T> ImagePool<T> {
    /// Keeps a buffer for the next image, unless there are enough.
    fn keep(&self, buffer: Arc<Buffer<T>>) {
        let mut spare = self.spare.locked();
        if spare.len() < MAX_BUFFERS {
            spare.push(buffer);
        }
    }
}

impl<T: Copy> ImagePool<T> {
    /// A buffer of `length` samples. A reused buffer keeps its old contents; a new one is filled
    /// with `value`.
    pub(super) fn take(&self, length: usize, value: T) -> Samples<T> {
        let spare = {
            let mut spare = self.spare.locked();
            // Buffers of another length are no longer needed.
            spare.retain(|buffer| buffer.data.len() == length);
            spare.pop()
        };
        let mut buffer = spare.unwrap_or_else(|| Buffer::without_pool(vec![value; length]));
        if let Some(buffer) = Arc::get_mut(&mut buffer) {
            buffer.home = Some(self.clone());
        }
        Samples(Some(buffer))
    }
}

/// The samples of an image. Clones share them until one is changed.
#[derive(Debug)]
pub(super) struct Samples<T>(
    /// `None` only while it is dropped.
    Option<Arc<Buffer<T>>>,
);

/// Memory that returns to its pool, if it has one, when the last clone of its image is dropped.
#[derive(Debug)]
struct Buffer<T> {
    data: Vec<T>,
    home: Option<ImagePool<T>>,
}

impl<T> Buffer<T> {
    fn without_pool(data: Vec<T>) -> Arc<Self> {
        Arc::new(Self { data, home: None })
    }
}

impl<T> From<Vec<T>> for Samples<T> {
    fn from(data: Vec<T>) -> Self {
        Self(Some(Buffer::without_pool(data)))
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
        **self == **other
    }
}

impl<T> std::ops::Deref for Samples<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        self.0.as_ref().map_or(&[], |buffer| &buffer.data)
    }
}

impl<T: Clone> std::ops::DerefMut for Samples<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        self.0.as_mut().map_or(&mut [], |buffer| &mut Arc::make_mut(buffer).data)
    }
}

impl<T> Drop for Samples<T> {
    fn drop(&mut self) {
        let Some(mut buffer) = self.0.take() else { return };
        // The last clone returns the buffer with its reference count, so that nothing is allocated.
        if let Some(home) = Arc::get_mut(&mut buffer).and_then(|buffer| buffer.home.take()) {
            home.keep(buffer);
        }
    }
}

/// Reached with a pool only if two threads drop the last two clones at the same time.
impl<T> Drop for Buffer<T> {
    fn drop(&mut self) {
        if let Some(home) = self.home.take() {
            home.keep(Self::without_pool(std::mem::take(&mut self.data)));
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
        // The changed clone has its own memory, which goes to no pool.
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
}
