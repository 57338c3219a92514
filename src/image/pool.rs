//! Sample buffers that come back: whoever drops an image anywhere, on whatever thread, returns
//! its memory to where it was taken from, so that a live path allocates no image per exposure.

use std::sync::{Arc, Mutex, PoisonError};

/// Spare buffers that are kept at most: all that a pipeline has on its way at nine instants.
const MOST: usize = 32;

/// Where buffers of one length are taken from and come back to.
#[derive(Clone, Debug)]
pub struct ImagePool<T> {
    spare: Arc<Mutex<Vec<Vec<T>>>>,
}

impl<T> Default for ImagePool<T> {
    fn default() -> Self {
        Self { spare: Arc::new(Mutex::new(Vec::with_capacity(MOST))) }
    }
}

impl<T: Copy> ImagePool<T> {
    /// A buffer of `length` samples: one that came back, with what it held, or else a new one
    /// full of `value`.
    pub(super) fn take(&self, length: usize, value: T) -> Samples<T> {
        let data = {
            let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
            // What is left of another size is of no use any more.
            spare.retain(|data| data.len() == length);
            spare.pop()
        };
        let data = data.unwrap_or_else(|| vec![value; length]);
        Samples { data, home: Some(self.clone()) }
    }
}

/// An image's samples, which return to their store if they have one.
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

/// A copy belongs to whoever made it.
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
        if spare.len() < MOST {
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
    fn what_is_dropped_on_another_thread_is_handed_out_again_and_a_copy_is_not() {
        let store = ImagePool::default();
        let size = Size::new(640, 480);
        let mut first = ImageU8::in_store(&store, true, size, 7);
        assert_eq!((first.channels(), first.size()), (3, size));
        assert!(first.data().iter().all(|v| *v == 7));
        first.data_mut().fill(9);
        let (at, copy) = (first.data().as_ptr(), first.clone());
        let second = ImageU8::in_store(&store, true, size, 0);
        assert!(second.data().as_ptr() != at, "handed out twice");
        std::thread::spawn(move || drop(first)).join().unwrap();
        drop(copy);
        // An allocator would give freed memory to the next who asks for as much.
        let decoy = vec![1_u8; 3 * size.area()];
        let third = ImageU8::in_store(&store, true, size, 0);
        assert!(third.data().as_ptr() == at && decoy.as_ptr() != at);
        assert!(third.data().iter().all(|v| *v == 9), "it is handed out as it came back");
        let smaller = ImageU8::in_store(&store, false, Size::new(2, 2), 0);
        assert_eq!(smaller.data(), [0; 4]);
    }

    #[test]
    fn numbers_in_memory_that_held_another_image_are_the_same_numbers() {
        let store = ImagePool::default();
        let size = Size::new(16, 16);
        let mut picture = ImageU8::filled(false, size, 0);
        (0..=255).zip(picture.data_mut()).for_each(|(v, to)| *to = v);
        drop(ImageU8::filled(false, size, 200).to_planes_in(&store));
        assert_eq!(picture.to_planes_in(&store), picture.to_planes());
    }
}
