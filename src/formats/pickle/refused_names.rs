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
    // No more of the name is looked at than is compared: a pickle may repeat a long one at every byte.
    let is_of = |top: &str| {
        module.strip_prefix(top).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    if is_of("builtins") || is_of("__builtin__") {
        return !REFUSED_BUILTINS.contains(&name);
    }
    !REFUSED_MODULES.iter().any(|top| is_of(top))
}

#[cfg(test)]
mod tests {
    use super::is_allowed;

    #[test]
    fn a_module_is_refused_with_all_below_it_and_by_its_whole_name() {
        for (module, name) in [("os", "system"), ("os.path", "x"), ("builtins", "eval")] {
            assert!(!is_allowed(module, name), "{module}.{name}");
        }
        for (module, name) in [
            ("ossaudiodev", "open"),
            ("torch.os", "x"),
            ("builtins", "set"),
            ("builtinsx", "eval"),
            ("", "x"),
        ] {
            assert!(is_allowed(module, name), "{module}.{name}");
        }
    }
}
