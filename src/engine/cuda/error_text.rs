//! Errors of the driver as text.

use cudarc::driver::DriverError;

/// The driver's short description of an error.
pub(super) fn text(error: DriverError) -> String {
    let name = format!("{:?}", error.0);
    match error.error_string() {
        Ok(words) => format!("{} ({name})", words.to_string_lossy()),
        Err(_) => name,
    }
}
