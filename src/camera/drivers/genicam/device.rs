//! The features of an open camera.

use super::ffi::{ArvDevice, GError, text};
use super::owned::{Owned, c_string};
use std::ffi::{c_char, c_int, c_void};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A camera's device, which has its features.
pub(super) struct Device(Owned<ArvDevice>);

impl Device {
    pub(super) fn new(device: Owned<ArvDevice>) -> Self {
        Self(device)
    }

    /// Calls a function with the device and a feature's name.
    fn feature<R>(
        &self,
        feature: &str,
        call: impl FnOnce(*mut ArvDevice, *const c_char, *mut *mut GError) -> R,
    ) -> Result<R, String> {
        let feature = c_string(feature)?;
        self.0.aravis.checked(|e| call(self.0.raw(), feature.as_ptr(), e))
    }

    pub(super) fn is_feature_available(&self, feature: &str) -> bool {
        let is = self.0.aravis.functions.arv_device_is_feature_available;
        // SAFETY: the device is a live object; the string lives until the call returns.
        self.feature(feature, |d, f, e| unsafe { is(d, f, e) }).is_ok_and(|flag| flag != 0)
    }

    pub(super) fn boolean_feature_value(&self, feature: &str) -> Result<bool, String> {
        let get = self.0.aravis.functions.arv_device_get_boolean_feature_value;
        // SAFETY: as in `is_feature_available`.
        self.feature(feature, |d, f, e| unsafe { get(d, f, e) }).map(|flag| flag != 0)
    }

    pub(super) fn set_boolean_feature_value(&self, feature: &str, v: bool) -> Result<(), String> {
        let set = self.0.aravis.functions.arv_device_set_boolean_feature_value;
        // SAFETY: as in `is_feature_available`.
        self.feature(feature, |d, f, e| unsafe { set(d, f, c_int::from(v), e) })
    }

    pub(super) fn string_feature_value(&self, feature: &str) -> Result<String, String> {
        let get = self.0.aravis.functions.arv_device_get_string_feature_value;
        // SAFETY: as in `is_feature_available`.
        let value = self.feature(feature, |d, f, e| unsafe { get(d, f, e) })?;
        // SAFETY: the value belongs to the device, which is not called before it is copied.
        unsafe { text(value) }.ok_or_else(|| format!("{feature} has no value"))
    }

    pub(super) fn set_string_feature_value(&self, feature: &str, v: &str) -> Result<(), String> {
        let (set, v) = (self.0.aravis.functions.arv_device_set_string_feature_value, c_string(v)?);
        // SAFETY: as in `is_feature_available`.
        self.feature(feature, |d, f, e| unsafe { set(d, f, v.as_ptr(), e) })
    }

    pub(super) fn integer_feature_value(&self, feature: &str) -> Result<i64, String> {
        let get = self.0.aravis.functions.arv_device_get_integer_feature_value;
        // SAFETY: as in `is_feature_available`.
        self.feature(feature, |d, f, e| unsafe { get(d, f, e) })
    }

    pub(super) fn set_integer_feature_value(&self, feature: &str, v: i64) -> Result<(), String> {
        let set = self.0.aravis.functions.arv_device_set_integer_feature_value;
        // SAFETY: as in `is_feature_available`.
        self.feature(feature, |d, f, e| unsafe { set(d, f, v, e) })
    }

    pub(super) fn integer_feature_bounds(&self, feature: &str) -> Result<(i64, i64), String> {
        let get = self.0.aravis.functions.arv_device_get_integer_feature_bounds;
        let (mut low, mut high) = (0, 0);
        // SAFETY: as in `is_feature_available`; the results live until the call returns.
        self.feature(feature, |d, f, e| unsafe { get(d, f, &mut low, &mut high, e) })?;
        Ok((low, high))
    }

    pub(super) fn integer_feature_increment(&self, feature: &str) -> Result<i64, String> {
        let get = self.0.aravis.functions.arv_device_get_integer_feature_increment;
        // SAFETY: as in `is_feature_available`.
        self.feature(feature, |d, f, e| unsafe { get(d, f, e) })
    }

    pub(super) fn float_feature_value(&self, feature: &str) -> Result<f64, String> {
        let get = self.0.aravis.functions.arv_device_get_float_feature_value;
        // SAFETY: as in `is_feature_available`.
        self.feature(feature, |d, f, e| unsafe { get(d, f, e) })
    }

    pub(super) fn set_float_feature_value(&self, feature: &str, v: f64) -> Result<(), String> {
        let set = self.0.aravis.functions.arv_device_set_float_feature_value;
        // SAFETY: as in `is_feature_available`.
        self.feature(feature, |d, f, e| unsafe { set(d, f, v, e) })
    }

    pub(super) fn float_feature_bounds(&self, feature: &str) -> Result<(f64, f64), String> {
        let get = self.0.aravis.functions.arv_device_get_float_feature_bounds;
        let (mut low, mut high) = (0.0, 0.0);
        // SAFETY: as in `integer_feature_bounds`.
        self.feature(feature, |d, f, e| unsafe { get(d, f, &mut low, &mut high, e) })?;
        Ok((low, high))
    }

    /// The available values of an enumeration.
    pub(super) fn enumeration_values(&self, feature: &str) -> Result<Vec<String>, String> {
        let functions = &self.0.aravis.functions;
        let get = functions.arv_device_dup_available_enumeration_feature_values_as_strings;
        let mut count = 0;
        // SAFETY: as in `integer_feature_bounds`.
        let values = self.feature(feature, |d, f, e| unsafe { get(d, f, &mut count, e) })?;
        // SAFETY: the result of this call, with this length.
        Ok(unsafe { self.0.aravis.texts(values, count) })
    }

    /// Sets `lost` when the connection is lost. The library calls back from its own thread.
    pub(super) fn on_control_lost(&self, lost: Arc<AtomicBool>) {
        unsafe extern "C" fn set(_device: *mut c_void, lost: *mut c_void) {
            // SAFETY: the data that the handler was connected with, which `release` frees later.
            let lost = unsafe { &*lost.cast::<AtomicBool>() };
            lost.store(true, Ordering::Release);
        }
        unsafe extern "C" fn release(lost: *mut c_void, _closure: *mut c_void) {
            // SAFETY: from `Arc::into_raw`; the library calls this once, after the last call of
            // the handler.
            drop(unsafe { Arc::from_raw(lost.cast::<AtomicBool>().cast_const()) });
        }
        let data = Arc::into_raw(lost).cast_mut().cast::<c_void>();
        // SAFETY: the device is a live object with this signal, whose handlers have this type;
        // the data lives until `release`.
        unsafe {
            (self.0.aravis.functions.g_signal_connect_data)(
                self.0.raw().cast(),
                c"control-lost".as_ptr(),
                Some(set),
                data,
                Some(release),
                0,
            );
        }
    }
}
