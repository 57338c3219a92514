//! Finds the file of a vendor's library and loads it at run time.

use libloading::Library;
use std::path::PathBuf;

/// Loads `file`, else the file that the environment variable `variable` names, else the first of
/// `names` that can be loaded.
///
/// # Errors
/// Why none can be loaded, one reason per file.
pub(super) fn load(
    file: Option<PathBuf>,
    variable: &str,
    names: &[&str],
) -> Result<Library, String> {
    let named = file.or_else(|| std::env::var_os(variable).map(PathBuf::from));
    let candidates = named.map_or_else(|| names.iter().map(PathBuf::from).collect(), |n| vec![n]);
    let mut reasons = Vec::new();
    for name in &candidates {
        // SAFETY: loading runs the library's initialisers; those of the libraries that are loaded
        // here have no conditions.
        match unsafe { Library::new(name) } {
            Ok(library) => return Ok(library),
            Err(e) => {
                let cause = std::error::Error::source(&e).map(ToString::to_string);
                reasons.push(cause.unwrap_or_else(|| format!("{}: {e}", name.display())));
            }
        }
    }
    Err(reasons.join("; "))
}
