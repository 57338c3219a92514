//! Removes names of files and folders from text that is sent to others.

use crate::cli::logging::ARGUMENTS;

/// What a name is replaced with.
const REPLACEMENT: &str = "<path>";

/// `text` without names of files and folders. When in doubt, more is removed: a path is removed up
/// to the next colon, comma, semicolon or quotation mark, because it may contain spaces.
pub(super) fn redact(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        redact_line(line, &mut out);
    }
    out
}

fn redact_line(line: &str, out: &mut String) {
    let mut in_path = false;
    for word in line.split_inclusive(char::is_whitespace) {
        let end = word.trim_end();
        let blank = word.get(end.len()..).unwrap_or_default();
        let stops = end.ends_with([':', ',', ';', '"', ')', ']']);
        if in_path {
            in_path = !stops;
        } else if let Some(start) = path_start(end) {
            out.push_str(end.get(..start).unwrap_or_default());
            out.push_str(REPLACEMENT);
            in_path = !stops;
        } else {
            out.push_str(end);
        }
        if !in_path {
            if stops && out.ends_with(REPLACEMENT) {
                out.extend(end.chars().next_back());
            }
            out.push_str(blank);
        } else if blank.contains('\n') {
            out.push('\n');
        }
    }
}

/// Where a path begins in a word: after opening quotes and brackets, `name=` and `replay:`.
fn path_start(word: &str) -> Option<usize> {
    let openings = |c: char| matches!(c, '"' | '\'' | '(' | '[' | '<' | '`' | '=');
    let word = word.trim_end_matches(|c: char| !c.is_alphanumeric() && c != '/' && c != '\\');
    let after = word.rfind(openings).map_or(0, |i| i + 1);
    let rest = word.get(after..)?;
    match rest.strip_prefix("replay:") {
        Some(_) => Some(after + "replay:".len()),
        None => is_path(rest).then_some(after),
    }
}

fn is_path(text: &str) -> bool {
    // Units, and specifications of sources such as `sim:288x192/144x96`.
    let known = ["Mev/s", "MB/s", "px/s", "Mbit/s", "ON/OFF", "and/or"].contains(&text)
        || text.starts_with("sim:")
        || text.starts_with("loadgen:")
        || text.starts_with("https://");
    if known {
        return false;
    }
    text.contains('\\') || text.starts_with('~') || text.contains('/') || has_extension(text)
}

/// Whether the text ends like a file name: `scene.npz`, but not `0.25` or `1.2.3`.
fn has_extension(text: &str) -> bool {
    text.rsplit_once('.').is_some_and(|(stem, extension)| {
        !stem.is_empty()
            && extension.len() <= 12
            && extension.starts_with(|c: char| c.is_ascii_alphabetic())
            && extension.chars().all(|c| c.is_ascii_alphanumeric())
    })
}

/// `text` without the values that the program was started with, which may be names of folders in
/// the current one. `header` is the first line of the log, in which they are listed.
pub(super) fn redact_arguments(text: &str, header: &str) -> String {
    let list = header.split_once(ARGUMENTS).map_or("", |(_, list)| list);
    let Ok(arguments) = serde_json::from_str::<Vec<String>>(list) else { return text.to_owned() };
    let mut out = text.to_owned();
    // The first one is the subcommand.
    for argument in arguments.iter().skip(1) {
        let value = match argument.strip_prefix('-') {
            Some(option) => option.split_once('=').map_or("", |(_, value)| value),
            None => argument,
        };
        if !value.is_empty() && !is_public(value) {
            out = replace_word(&out, value, "<argument>");
        }
    }
    out
}

/// Whether a value of an option is not a name: a number, a size, an engine or a source.
fn is_public(value: &str) -> bool {
    let kind = value.split(':').next().unwrap_or_default();
    value.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | ',' | '-' | 'x' | '@'))
        || ["auto", "cpu", "cuda", "none"].contains(&kind)
        || ["sim", "loadgen", "davis", "genicam", "uvc"].contains(&kind)
        || ["evk3", "evk4", "silkyevcam", "ueye", "dvxplorer"].contains(&kind)
}

/// Replaces `word` where it is not a part of a longer one.
fn replace_word(text: &str, word: &str, with: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for (at, _) in text.match_indices(word) {
        let before = text.get(..at).and_then(|s| s.chars().next_back());
        let after = text.get(at + word.len()..).and_then(|s| s.chars().next());
        let inside = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        if !inside(before) && !inside(after) {
            out.push_str(text.get(from..at).unwrap_or_default());
            out.push_str(with);
            from = at + word.len();
        }
    }
    out.push_str(text.get(from..).unwrap_or_default());
    out
}

/// Replaces every text in a JSON value, except those under `kept` names.
pub(super) fn redact_json(value: &mut serde_json::Value, kept: &[&str]) {
    use serde_json::Value;
    match value {
        Value::String(text) => "<text>".clone_into(text),
        Value::Array(list) => list.iter_mut().for_each(|v| redact_json(v, kept)),
        Value::Object(map) => map
            .iter_mut()
            .filter(|(name, v)| !(v.is_string() && kept.contains(&name.as_str())))
            .for_each(|(_, v)| redact_json(v, kept)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_are_removed() {
        for (text, expected) in [
            ("cannot read /home/jane/a b.npz: no such file", "cannot read <path>: no such file"),
            ("recording folder=/media/My Disk/x", "recording folder=<path>"),
            ("folder=\"C:\\Users\\Jane Doe\\x\", 30 frames", "folder=\"<path>, 30 frames"),
            ("scene.npz: damaged", "<path>: damaged"),
            ("(out/one.png)", "(<path>)"),
            ("source=\"replay:trip/take 2\" starts", "source=\"replay:<path>\" starts"),
            ("~/data", "<path>"),
            ("../shared/x\nnext line", "<path>\nnext line"),
        ] {
            assert_eq!(redact(text), expected, "{text}");
        }
    }

    #[test]
    fn everything_else_stays() {
        for text in [
            "2026-11-29T16:57:54.123456Z  INFO engine gem_live::engine::select: engine: the CPU\n",
            "12.5 Mev/s at 0.25, version 1.2.3 (ON/OFF)",
            "sim:288x192/144x96,seed=7 starts",
            "dropped cause=Usb unit=Frames new=3 total=12",
            "connected camera=\"camera\" model=\"DAVIS346\" serial=\"00000123\"",
        ] {
            assert_eq!(redact(text), text);
        }
    }

    #[test]
    fn values_of_the_command_line_are_removed() {
        let log = format!(
            "gem-live 0.1.0 linux{ARGUMENTS}[\"deblur\",\"trip\",\"--out=secret\",\"--threads\",\"2\"]\n\
             ERROR trip: it has 2 trips, cannot write secret\n"
        );
        let (header, _) = log.split_once('\n').unwrap();
        assert_eq!(
            redact_arguments(&log, header),
            format!(
                "gem-live 0.1.0 linux{ARGUMENTS}[\"deblur\",\"<argument>\",\"--out=<argument>\",\
                 \"--threads\",\"2\"]\nERROR <argument>: it has 2 trips, cannot write <argument>\n"
            )
        );
        assert_eq!(redact_arguments("trip", "another line"), "trip");
    }

    #[test]
    fn texts_in_settings_are_removed() {
        let mut value = serde_json::json!({
            "view": "wipe", "folder": "/home/jane", "gain": 2.0, "list": ["a", 1], "scene": "lab"
        });
        redact_json(&mut value, &["view"]);
        let expected = serde_json::json!({
            "view": "wipe", "folder": "<text>", "gain": 2.0, "list": ["<text>", 1],
            "scene": "<text>"
        });
        assert_eq!(value, expected);
    }
}
