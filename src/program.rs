//! How this program was started, so that messages name a command that works.

use std::borrow::Cow;
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

/// The subcommands, which messages advise.
pub const SUBCOMMANDS: [&str; 17] = [
    "adapt",
    "align",
    "bench",
    "completions",
    "deblur",
    "devices",
    "doctor",
    "export",
    "export-weights",
    "import",
    "infer",
    "live",
    "record",
    "soak",
    "synth",
    "test",
    "train",
];

/// A message with the command that starts this program in place of its name wherever the message
/// advises a command, such as `gem-live import FILE`: it must work where no `gem-live` is in the
/// `PATH`.
pub fn in_advice(message: &str) -> Cow<'_, str> {
    with_command(message, command())
}

fn with_command<'a>(message: &'a str, command: &str) -> Cow<'a, str> {
    if command == NAME || !message.contains(NAME) {
        return Cow::Borrowed(message);
    }
    let (mut text, mut rest) = (String::new(), message);
    while let Some((before, after)) = rest.split_once(NAME) {
        text.push_str(before);
        // Not the end of a path.
        let begins =
            text.chars().next_back().is_none_or(|c| c.is_whitespace() || "`(\"".contains(c));
        text.push_str(if begins && begins_command(after) { command } else { NAME });
        rest = after;
    }
    text.push_str(rest);
    Cow::Owned(text)
}

/// Whether the text after the program's name begins with a subcommand or an option, and not with the
/// rest of the name of a file or folder that contains a space.
fn begins_command(text: &str) -> bool {
    let Some(arguments) = text.strip_prefix(' ') else { return false };
    if arguments.starts_with("--") {
        return true;
    }
    let in_word = |c: char| c.is_ascii_lowercase() || c == '-';
    let word = arguments.split(|c: char| !in_word(c)).next().unwrap_or_default();
    let after = arguments.strip_prefix(word).unwrap_or_default();
    // A dot ends a sentence, or begins an extension.
    let after = after.strip_prefix('.').unwrap_or(after);
    let is_over = after.chars().next().is_none_or(|c| c.is_whitespace() || "`,;:)\"".contains(c));
    is_over && SUBCOMMANDS.contains(&word)
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

    #[test]
    fn advice_names_a_command_that_exists() {
        let cargo = "cargo run --release --";
        let of = |message: &str| with_command(message, cargo).into_owned();
        assert_eq!(
            of("a.bag: convert it with gem-live import FILE, or gem-live --source replay:a.bag"),
            "a.bag: convert it with cargo run --release -- import FILE, or cargo run --release -- \
             --source replay:a.bag"
        );
        assert_eq!(of("`gem-live devices` lists"), "`cargo run --release -- devices` lists");
        assert_eq!(
            of("gem-live export-weights, then"),
            "cargo run --release -- export-weights, then"
        );
        assert_eq!(of("(see gem-live devices)"), "(see cargo run --release -- devices)");
        assert_eq!(of("use gem-live align."), "use cargo run --release -- align.");
        for unchanged in [
            "another gem-live writes into this folder",
            "gem-live: cannot open /home/a/gem-live",
            "/opt/gem-live live is running",
            "gem-live test.ckpt has changed",
            "gem-live test2/a.npz: no such file",
            "gem-live live/a.npz: no such file",
            "window with gem-live",
        ] {
            assert_eq!(of(unchanged), unchanged);
        }
        assert_eq!(with_command("gem-live live", NAME), "gem-live live");
    }

    #[cfg(unix)]
    #[test]
    fn text_is_quoted_where_a_shell_needs_it() {
        assert_eq!(quoted("a/b-c.yaml"), "a/b-c.yaml");
        assert_eq!(quoted("it's a b"), r"'it'\''s a b'");
        assert_eq!(quoted(""), "''");
    }
}
