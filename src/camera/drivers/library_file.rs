//! Finds the file of a vendor's library and loads it at run time.

use libloading::Library;
use std::path::PathBuf;

/// Loads `file`, else the file that the environment variable `variable` names, else the first of
/// `names` that can be loaded.
///
/// # Errors
/// Why none can be loaded: the files that do not exist, and one reason for every other file.
pub(super) fn load(
    file: Option<PathBuf>,
    variable: &str,
    names: &[&str],
) -> Result<Library, String> {
    let named = file.or_else(|| std::env::var_os(variable).map(PathBuf::from));
    let candidates = named.map_or_else(|| names.iter().map(PathBuf::from).collect(), |n| vec![n]);
    let (mut absent, mut reasons) = (Vec::new(), Vec::new());
    for name in &candidates {
        // SAFETY: loading runs the library's initialisers; those of the libraries that are loaded
        // here have no conditions.
        match unsafe { Library::new(name) } {
            Ok(library) => return Ok(library),
            Err(e) => {
                let cause = std::error::Error::source(&e).map(ToString::to_string);
                let file = name.display().to_string();
                let why = cause.unwrap_or_else(|| format!("{file}: {e}"));
                if is_absent(&why, &file) { absent.push(file) } else { reasons.push(why) }
            }
        }
    }
    if !absent.is_empty() {
        reasons.insert(0, format!("there is no {}", absent.join(" or ")));
    }
    Err(reasons.join("; "))
}

/// Whether the linker's message means that the file itself does not exist, and not a library that it
/// needs.
fn is_absent(why: &str, file: &str) -> bool {
    why.starts_with(file) && why.ends_with("No such file or directory")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn absent_files_are_named_together_and_others_with_their_fault() {
        let text = tempfile::NamedTempFile::new().unwrap();
        let text = text.path().display().to_string();
        let names = ["libgem-live-a.so.7", "/nowhere/libgem-live-b.so", &text];
        let why = load(None, "GEM_LIVE_NO_SUCH_VARIABLE", &names).unwrap_err();
        let absent = "there is no libgem-live-a.so.7 or /nowhere/libgem-live-b.so; ";
        assert!(why.starts_with(&format!("{absent}{text}: ")), "{why}");
        assert!(!is_absent(
            "libusb-1.0.so.0: cannot open: No such file or directory",
            "libcaer.so"
        ));
    }
}
