//! libaravis, loaded at run time: its file, the functions that are used, and what to install.
//!
//! Ownership follows the annotations of Aravis's documentation. `full`: the caller owns the result
//! and releases it with `g_object_unref`. `container`: the caller frees the array with `g_free`;
//! its strings belong to the library. `none`: the result belongs to the object it was asked of,
//! and is copied, or referenced once more, before the next call.

use crate::camera::drivers::library_file;
use crate::panics::Locked;
use libloading::Library;
use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::sync::Mutex;

/// Environment variable with the path of the libaravis library file.
pub const LIBRARY_VARIABLE: &str = "GEM_LIVE_LIBARAVIS";

/// Default names and paths of the libaravis library.
#[cfg(target_os = "macos")]
const NAMES: &[&str] = &[
    "libaravis-0.8.0.dylib",
    "/opt/homebrew/lib/libaravis-0.8.0.dylib",
    "/usr/local/lib/libaravis-0.8.0.dylib",
];
#[cfg(target_os = "windows")]
const NAMES: &[&str] = &["libaravis-0.8-0.dll"];
#[cfg(not(any(target_os = "macos", target_os = "windows")))]
const NAMES: &[&str] = &["libaravis-0.8.so.0", "/usr/local/lib/libaravis-0.8.so.0"];

/// Declares an object type of Aravis or GLib, which is only used behind a pointer.
macro_rules! opaque {
    ($($name:ident)*) => {$(
        #[repr(C)]
        pub(super) struct $name {
            _opaque: [u8; 0],
        }
    )*};
}
opaque!(ArvBuffer ArvCamera ArvChunkParser ArvDevice ArvStream);

/// `struct GError`.
#[repr(C)]
pub(super) struct GError {
    domain: u32,
    code: c_int,
    message: *mut c_char,
}

type Error = *mut *mut GError;
/// `gboolean`.
type Flag = c_int;
type Text = *const c_char;

/// `ArvStreamCallback`, which is not used.
type StreamCallback = Option<unsafe extern "C" fn(*mut c_void, c_uint, *mut ArvBuffer)>;
/// A signal handler, called with the object and the data that it was connected with.
pub(super) type Handler = unsafe extern "C" fn(*mut c_void, *mut c_void);
/// Releases the data of a signal handler; the second argument is the closure.
pub(super) type Release = unsafe extern "C" fn(*mut c_void, *mut c_void);

/// Declares the table of functions, and how it is filled.
macro_rules! functions {
    ($($name:ident($($argument:ty),*) $(-> $result:ty)?;)*) => {
        /// The functions, by their names in the library.
        pub(super) struct Functions {
            $(pub(super) $name: unsafe extern "C" fn($($argument),*) $(-> $result)?,)*
            /// `gpointer g_object_set(gpointer, const char *, ...)`: names and values, then null.
            pub(super) g_object_set: unsafe extern "C" fn(*mut c_void, Text, ...),
            // From here on: functions that libraries before 0.8.25 lack.
            /// Since 0.8.25.
            pub(super) arv_buffer_get_image_data:
                Option<unsafe extern "C" fn(*mut ArvBuffer, *mut usize) -> *const c_void>,
            /// Since 0.8.23.
            pub(super) arv_buffer_get_image_padding:
                Option<unsafe extern "C" fn(*mut ArvBuffer, *mut c_int, *mut c_int)>,
        }

        impl Functions {
            fn find(library: &Library, glib: &Library) -> Result<Self, String> {
                Ok(Self {
                    $($name: symbol(library, glib, stringify!($name))?,)*
                    g_object_set: symbol(library, glib, "g_object_set")?,
                    arv_buffer_get_image_data:
                        symbol(library, glib, "arv_buffer_get_image_data").ok(),
                    arv_buffer_get_image_padding:
                        symbol(library, glib, "arv_buffer_get_image_padding").ok(),
                })
            }

            /// Name, result and arguments of every function as Rust writes them.
            #[cfg(test)]
            const PROTOTYPES: &[(&str, &str, &[&str])] = &[
                $((
                    stringify!($name),
                    concat!("", $(stringify!($result))?),
                    &[$(stringify!($argument)),*],
                ),)*
                ("arv_buffer_get_image_data", "*const c_void", &["*mut ArvBuffer", "*mut usize"]),
                (
                    "arv_buffer_get_image_padding",
                    "",
                    &["*mut ArvBuffer", "*mut c_int", "*mut c_int"],
                ),
            ];
        }
    };
}

functions! {
    // The list of devices, which is global to the process; strings: none.
    arv_enable_interface(Text);
    arv_update_device_list();
    arv_get_n_devices() -> c_uint;
    arv_get_device_id(c_uint) -> Text;
    arv_get_device_serial_nbr(c_uint) -> Text;
    arv_get_device_vendor(c_uint) -> Text;
    arv_get_device_model(c_uint) -> Text;
    arv_get_device_protocol(c_uint) -> Text;
    arv_get_device_address(c_uint) -> Text;
    // Cameras; the camera, the stream and the parser: full; the device: none.
    arv_camera_new(Text, Error) -> *mut ArvCamera;
    arv_camera_get_device(*mut ArvCamera) -> *mut ArvDevice;
    arv_camera_is_gv_device(*mut ArvCamera) -> Flag;
    arv_camera_is_uv_device(*mut ArvCamera) -> Flag;
    arv_camera_gv_set_stream_options(*mut ArvCamera, c_uint);
    arv_camera_set_acquisition_mode(*mut ArvCamera, c_uint, Error);
    arv_camera_set_chunk_mode(*mut ArvCamera, Flag, Error);
    arv_camera_set_chunk_state(*mut ArvCamera, Text, Flag, Error);
    arv_camera_create_chunk_parser(*mut ArvCamera) -> *mut ArvChunkParser;
    arv_camera_get_payload(*mut ArvCamera, Error) -> c_uint;
    arv_camera_create_stream(*mut ArvCamera, StreamCallback, *mut c_void, Error) -> *mut ArvStream;
    arv_camera_start_acquisition(*mut ArvCamera, Error);
    arv_camera_stop_acquisition(*mut ArvCamera, Error);
    arv_camera_get_pixel_format(*mut ArvCamera, Error) -> u32;
    arv_camera_set_pixel_format_from_string(*mut ArvCamera, Text, Error);
    arv_camera_dup_available_pixel_formats(*mut ArvCamera, *mut c_uint, Error) -> *mut i64;
    arv_camera_dup_available_pixel_formats_as_strings(*mut ArvCamera, *mut c_uint, Error) -> *mut Text;
    // Features; the string value: none; the array: container.
    arv_device_is_feature_available(*mut ArvDevice, Text, Error) -> Flag;
    arv_device_get_boolean_feature_value(*mut ArvDevice, Text, Error) -> Flag;
    arv_device_set_boolean_feature_value(*mut ArvDevice, Text, Flag, Error);
    arv_device_get_string_feature_value(*mut ArvDevice, Text, Error) -> Text;
    arv_device_set_string_feature_value(*mut ArvDevice, Text, Text, Error);
    arv_device_get_integer_feature_value(*mut ArvDevice, Text, Error) -> i64;
    arv_device_set_integer_feature_value(*mut ArvDevice, Text, i64, Error);
    arv_device_get_integer_feature_bounds(*mut ArvDevice, Text, *mut i64, *mut i64, Error);
    arv_device_get_integer_feature_increment(*mut ArvDevice, Text, Error) -> i64;
    arv_device_get_float_feature_value(*mut ArvDevice, Text, Error) -> f64;
    arv_device_set_float_feature_value(*mut ArvDevice, Text, f64, Error);
    arv_device_get_float_feature_bounds(*mut ArvDevice, Text, *mut f64, *mut f64, Error);
    arv_device_dup_available_enumeration_feature_values_as_strings(*mut ArvDevice, Text, *mut c_uint, Error) -> *mut Text;
    // The stream owns a buffer that is pushed, and gives up ownership of one that is popped, full.
    arv_stream_push_buffer(*mut ArvStream, *mut ArvBuffer);
    arv_stream_timeout_pop_buffer(*mut ArvStream, u64) -> *mut ArvBuffer;
    arv_stream_get_statistics(*mut ArvStream, *mut u64, *mut u64, *mut u64);
    // Buffers; a new one: full; the data: none.
    arv_buffer_new_allocate(usize) -> *mut ArvBuffer;
    arv_buffer_get_status(*mut ArvBuffer) -> c_int;
    arv_buffer_get_payload_type(*mut ArvBuffer) -> c_int;
    arv_buffer_get_frame_id(*mut ArvBuffer) -> u64;
    arv_buffer_get_timestamp(*mut ArvBuffer) -> u64;
    arv_buffer_has_chunks(*mut ArvBuffer) -> Flag;
    arv_buffer_get_data(*mut ArvBuffer, *mut usize) -> *const c_void;
    arv_buffer_get_image_pixel_format(*mut ArvBuffer) -> u32;
    arv_buffer_get_image_width(*mut ArvBuffer) -> c_int;
    arv_buffer_get_image_height(*mut ArvBuffer) -> c_int;
    arv_chunk_parser_get_integer_value(*mut ArvChunkParser, *mut ArvBuffer, Text, Error) -> i64;
    arv_chunk_parser_get_float_value(*mut ArvChunkParser, *mut ArvBuffer, Text, Error) -> f64;
    // GLib and GObject, on which Aravis depends.
    g_object_ref(*mut c_void) -> *mut c_void;
    g_object_unref(*mut c_void);
    g_free(*mut c_void);
    g_error_free(*mut GError);
    g_signal_connect_data(*mut c_void, Text, Option<Handler>, *mut c_void, Option<Release>, c_uint) -> usize;
}

/// Looks a function up: in Aravis and what it depends on, else in GObject's own library.
fn symbol<T: Copy>(library: &Library, glib: &Library, name: &str) -> Result<T, String> {
    // SAFETY: every caller asks for the type that the headers of Aravis 0.8 and GLib 2 declare for
    // the name; the test below compares the types with the headers. The pointer stays valid,
    // because the library is never unloaded.
    let found = unsafe { library.get::<T>(name).or_else(|_| glib.get::<T>(name)) };
    found.map(|symbol| *symbol).map_err(|e| {
        format!("this libaravis lacks {name} ({e}); install a later version of Aravis 0.8")
    })
}

/// The loaded library, which stays loaded: GLib's types cannot be unloaded.
pub(super) struct Aravis {
    pub(super) functions: Functions,
    _libraries: [Option<Library>; 2],
}

/// The library; it is loaded when it is first asked for, and asked for again while it is missing.
///
/// # Errors
/// A message that names the packages to install.
pub(super) fn aravis() -> Result<&'static Aravis, String> {
    static LOADED: Mutex<Option<&'static Aravis>> = Mutex::new(None);
    let mut loaded = LOADED.locked();
    match *loaded {
        Some(aravis) => Ok(aravis),
        None => Ok(*loaded.insert(Box::leak(Box::new(load()?)))),
    }
}

fn load() -> Result<Aravis, String> {
    let library = library_file::load(None, LIBRARY_VARIABLE, NAMES).map_err(|reasons| {
        format!(
            "libaravis, the library for FLIR and other GenICam cameras, cannot be loaded \
             ({reasons}). Install libaravis-0.8-0 (Debian, Ubuntu) or aravis (Fedora, Arch's AUR, \
             Homebrew), or set {LIBRARY_VARIABLE} to the path of its file"
        )
    })?;
    // Elsewhere the functions of GObject are found through Aravis, which depends on it.
    let glib = match cfg!(target_os = "windows") {
        true => Some(library_file::load(None, "", &["libgobject-2.0-0.dll"])?),
        false => None,
    };
    let functions = Functions::find(&library, glib.as_ref().unwrap_or(&library))?;
    Ok(Aravis { functions, _libraries: [Some(library), glib] })
}

impl Aravis {
    /// Calls a function that may report an error through its last argument.
    ///
    /// # Errors
    /// The library's message.
    pub(super) fn checked<R>(&self, call: impl FnOnce(Error) -> R) -> Result<R, String> {
        let mut error = std::ptr::null_mut::<GError>();
        let result = call(&mut error);
        if error.is_null() {
            return Ok(result);
        }
        // SAFETY: a call that sets the error returns a valid one.
        let message = unsafe { text((*error).message) }.unwrap_or_else(|| "unknown error".into());
        // SAFETY: the error is ours, and not used again.
        unsafe { (self.functions.g_error_free)(error) };
        Err(message)
    }

    /// Takes over an array of strings, whose `container` is ours.
    ///
    /// # Safety
    /// `array` is null, or a result of the library with `count` strings that were not freed.
    pub(super) unsafe fn texts(&self, array: *mut Text, count: c_uint) -> Vec<String> {
        if array.is_null() {
            return Vec::new();
        }
        let item = |i| {
            // SAFETY: the array has this length, and contains strings of the library or null.
            unsafe { text(*array.add(i)) }.unwrap_or_default()
        };
        let texts = (0..count as usize).map(item).collect();
        // SAFETY: the array is ours, and not used again.
        unsafe { (self.functions.g_free)(array.cast()) };
        texts
    }

    /// Takes over an array of numbers.
    ///
    /// # Safety
    /// `array` is null, or a result of the library with `count` numbers that were not freed.
    pub(super) unsafe fn numbers(&self, array: *mut i64, count: c_uint) -> Vec<i64> {
        if array.is_null() {
            return Vec::new();
        }
        // SAFETY: the array has this length.
        let numbers = (0..count as usize).map(|i| unsafe { *array.add(i) }).collect();
        // SAFETY: the array is ours, and not used again.
        unsafe { (self.functions.g_free)(array.cast()) };
        numbers
    }
}

/// Copies a string of the library; `None` if there is none.
///
/// # Safety
/// `text` is null, or a string that ends with a zero and lives until this call returns. Results of
/// the library live until its next call.
pub(super) unsafe fn text(text: Text) -> Option<String> {
    if text.is_null() {
        return None;
    }
    // SAFETY: not null, and a string: see above.
    Some(unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
}

#[cfg(test)]
#[path = "prototypes_test.rs"]
mod prototypes_test;
