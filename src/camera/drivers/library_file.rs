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
                let why = cause.unwrap_or_else(|| e.to_string());
                if is_absent(&why, &file) {
                    absent.push(file);
                } else if why.contains(&file) {
                    reasons.push(why);
                } else {
                    reasons.push(format!("{file}: {why}"));
                }
            }
        }
    }
    if !absent.is_empty() {
        reasons.insert(0, format!("there is no {}", absent.join(" or ")));
    }
    Err(reasons.join("; "))
}

/// Whether the linker's message means that the file itself does not exist, and not a library that it
/// needs. On Windows the message is the same for both, in the language of the system.
fn is_absent(why: &str, file: &str) -> bool {
    if why.starts_with("dlopen(") {
        // macOS lists every place where it has looked, each with the reason in brackets.
        let mut reasons = why.split(" (").skip(1);
        let is_about_file = why.contains("tried:") && !why.contains("Library not loaded");
        return is_about_file && reasons.all(|reason| reason.starts_with("no such file"));
    }
    why.starts_with(file) && why.ends_with("No such file or directory")
        || why.ends_with("(os error 126)")
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
    }

    #[test]
    fn messages_of_all_systems_about_an_absent_file_are_recognised() {
        let macos = "dlopen(libcaer.dylib, 0x0005): tried: 'libcaer.dylib' (no such file), \
                     '/usr/lib/libcaer.dylib' (no such file, not in dyld cache)";
        let windows = "Das angegebene Modul wurde nicht gefunden. (os error 126)";
        let linux = "libcaer.so: cannot open shared object file: No such file or directory";
        for (why, file) in
            [(macos, "libcaer.dylib"), (windows, "libcaer.dll"), (linux, "libcaer.so")]
        {
            assert!(is_absent(why, file), "{why}");
        }
        let needed = "libusb-1.0.so.0: cannot open: No such file or directory";
        let other_processor = "dlopen(libcaer.dylib, 0x0005): tried: 'libcaer.dylib' (mach-o file, \
                               but is an incompatible architecture), '/usr/lib/libcaer.dylib' (no \
                               such file, not in dyld cache)";
        let needed_on_macos = "dlopen(libcaer.dylib, 0x0005): Library not loaded: libusb.dylib \
                               Reason: tried: '/usr/lib/libusb.dylib' (no such file)";
        let no_library = "%1 is not a valid Win32 application. (os error 193)";
        for why in [needed, other_processor, needed_on_macos, no_library] {
            assert!(!is_absent(why, "libcaer.so"), "{why}");
        }
    }
}
