//! Names in pickles that are refused.

/// Modules whose names are useful only for running code. Nothing is ever executed here; such a file
/// is refused because it is dangerous elsewhere.
const REFUSED_MODULES: [&str; 13] = [
    "os",
    "posix",
    "nt",
    "sys",
    "subprocess",
    "shutil",
    "socket",
    "runpy",
    "importlib",
    "ctypes",
    "webbrowser",
    "pty",
    "code",
];

/// Builtin names that are useful only for running code.
const REFUSED_BUILTINS: [&str; 8] =
    ["eval", "exec", "execfile", "compile", "__import__", "open", "input", "breakpoint"];

/// Whether a name may be part of a pickle.
pub(super) fn is_allowed(module: &str, name: &str) -> bool {
    let top = module.split('.').next().unwrap_or(module);
    if matches!(top, "builtins" | "__builtin__") {
        return !REFUSED_BUILTINS.contains(&name);
    }
    !REFUSED_MODULES.contains(&top)
}
