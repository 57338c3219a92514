//! References to Aravis's objects, released when they are dropped.
//!
//! An object has an atomic reference count and may be used from any thread, by one thread at a
//! time. None of the types around [`Owned`] is `Send`; their owner, `Open`, keeps them together.

use super::ffi::Aravis;
use std::ffi::CString;
use std::ptr::NonNull;

/// A reference to an object, of which this program owns one count.
pub(super) struct Owned<T> {
    object: NonNull<T>,
    pub(super) aravis: &'static Aravis,
}

impl<T> Owned<T> {
    /// Takes over a reference. `None` if it is null.
    ///
    /// # Safety
    /// `object` is null, or a live object of type `T` of which the caller owns a count.
    pub(super) unsafe fn new(aravis: &'static Aravis, object: *mut T) -> Option<Self> {
        NonNull::new(object).map(|object| Self { object, aravis })
    }

    pub(super) fn raw(&self) -> *mut T {
        self.object.as_ptr()
    }

    /// Passes the reference to the library.
    pub(super) fn into_raw(self) -> *mut T {
        std::mem::ManuallyDrop::new(self).object.as_ptr()
    }
}

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        // SAFETY: the count is ours and released once.
        unsafe { (self.aravis.functions.g_object_unref)(self.raw().cast()) };
    }
}

/// A name for the library.
pub(super) fn c_string(name: &str) -> Result<CString, String> {
    CString::new(name).map_err(|_| format!("{name:?} contains a zero byte"))
}
