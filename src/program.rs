//! How this program was started, so that messages name a command that works.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The name of the program, as users and documentation know it.
pub const NAME: &str = "gem-live";

/// The command that starts this program, for messages: `gem-live` if that is the program in the
/// `PATH`, `cargo run --release --` if cargo started it, otherwise its path.
pub fn command() -> &'static str {
    static COMMAND: OnceLock<String> = OnceLock::new();
    COMMAND.get_or_init(|| {
        let Ok(program) = std::env::current_exe() else { return NAME.to_owned() };
        let paths = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::env::split_paths(&paths).collect::<Vec<_>>();
        // Cargo sets both for a program that it runs.
        let cargo = ["CARGO", "CARGO_MANIFEST_DIR"].iter().all(|v| std::env::var_os(v).is_some());
        let here = std::env::current_dir().unwrap_or_default();
        command_of(&program, &folders, cargo, &here)
    })
}

fn command_of(program: &Path, folders: &[PathBuf], cargo: bool, here: &Path) -> String {
    let stem = program.file_stem().unwrap_or_default();
    if stem != NAME {
        // A test or another program that uses the library.
        return NAME.to_owned();
    }
    let real = |path: &Path| path.canonicalize().ok();
    let name = program.file_name().unwrap_or_default();
    let in_path = folders.iter().find_map(|folder| real(&folder.join(name)));
    if in_path.is_some() && in_path == real(program) {
        return NAME.to_owned();
    }
    if cargo {
        return "cargo run --release --".to_owned();
    }
    let path = match program.strip_prefix(here) {
        // Shells search a name without a folder in the PATH.
        Ok(relative) => Path::new(".").join(relative),
        Err(_) => program.to_owned(),
    };
    quoted(&path.display().to_string())
}

/// Text as one word for a shell.
pub fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/\\._-+:=@%,~".contains(c);
    if !text.is_empty() && text.chars().all(plain) && !text.starts_with('~') {
        return text.to_owned();
    }
    match cfg!(windows) {
        true => format!("\"{text}\""),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

    use super::*;

    #[test]
    fn the_command_is_one_that_exists() {
        let base = tempfile::tempdir().unwrap();
        let program = base.path().join("my folder/gem-live");
        std::fs::create_dir(base.path().join("my folder")).unwrap();
        std::fs::write(&program, "").unwrap();
        let folder = [program.parent().unwrap().to_owned()];
        let elsewhere = [base.path().to_owned()];
        assert_eq!(command_of(&program, &folder, true, base.path()), "gem-live");
        let by_cargo = command_of(&program, &elsewhere, true, base.path());
        assert_eq!(by_cargo, "cargo run --release --");
        if cfg!(unix) {
            let relative = command_of(&program, &elsewhere, false, base.path());
            assert_eq!(relative, "'./my folder/gem-live'");
        }
        assert_eq!(command_of(Path::new("/x/other"), &[], false, base.path()), "gem-live");
    }

    #[cfg(unix)]
    #[test]
    fn text_is_quoted_where_a_shell_needs_it() {
        assert_eq!(quoted("a/b-c.yaml"), "a/b-c.yaml");
        assert_eq!(quoted("it's a b"), r"'it'\''s a b'");
        assert_eq!(quoted(""), "''");
    }
}
