//! What packages install beside the program: completion scripts, manual pages, the udev rule.

use crate::commands::{printed, program};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

fn succeeds(folder: &Path, arguments: &[&str]) -> String {
    let output = program(folder).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", printed(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// The visible subcommands of a command, as its help lists them.
fn subcommands(folder: &Path, command: &[&str]) -> Vec<String> {
    let help = succeeds(folder, &[command, &["--help"][..]].concat());
    let Some((_, listed)) = help.split_once("\nCommands:\n") else { return Vec::new() };
    let lines = listed.lines().take_while(|line| !line.is_empty());
    // Names are indented by two; what their descriptions continue with, by more.
    let names = lines.filter_map(|line| line.strip_prefix("  ").filter(|l| !l.starts_with(' ')));
    let names = names.filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

/// Checks the page of a command and those of its subcommands; returns how many there are.
fn check_pages(folder: &Path, command: &[&str]) -> usize {
    let name = [&["gem-live"][..], command].concat().join("-");
    let page = std::fs::read_to_string(folder.join(format!("pages/{name}.1"))).unwrap();
    assert!(page.contains(&format!(".TH {name} 1 ")), "{name}: {page}");
    let page = page.replace("\\-", "-");
    let help = succeeds(folder, &[command, &["--help"][..]].concat());
    let options = help.lines().map(str::trim).filter(|line| line.starts_with('-'));
    // The text after two spaces is a description.
    let words = options.filter_map(|line| line.split("  ").next()).flat_map(str::split_whitespace);
    let mut checked = 0;
    for option in words.filter(|word| word.starts_with("--")) {
        // `--verbose...` may be repeated, and the value of `--sparse[=<WHEN>]` left out.
        let option = option.split('[').next().unwrap_or(option).trim_end_matches([',', '.']);
        assert!(page.contains(option), "{name} has no {option}");
        checked += 1;
    }
    assert!(checked > 0, "{name}: {help}");
    let below = subcommands(folder, command);
    let pages = |sub: &String| check_pages(folder, &[command, &[sub.as_str()][..]].concat());
    1 + below.iter().map(pages).sum::<usize>()
}

#[test]
fn every_subcommand_has_a_man_page_with_its_options() {
    let here = tempfile::tempdir().unwrap();
    succeeds(here.path(), &["man", "pages"]);
    let pages = check_pages(here.path(), &[]);
    assert!(pages > 15, "only {pages} pages");
    // None for what the help hides, and none besides.
    assert_eq!(std::fs::read_dir(here.path().join("pages")).unwrap().count(), pages);
    std::fs::write(here.path().join("file"), "").unwrap();
    let output = program(here.path()).args(["man", "file"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(printed(&output).contains("cannot write into file"), "{}", printed(&output));
}

#[test]
fn completions_know_every_subcommand_and_value() {
    let here = tempfile::tempdir().unwrap();
    let commands = subcommands(here.path(), &[]);
    assert!(commands.len() > 12, "{commands:?}");
    for shell in ["bash", "zsh", "fish"] {
        let script = succeeds(here.path(), &["completions", shell]);
        for word in commands.iter().map(String::as_str).chain(["real-events", "--udev-rule"]) {
            // fish names long options without their hyphens.
            assert!(script.contains(word.trim_start_matches('-')), "{shell}: {word}");
        }
    }
}

/// Asks bash for the completions of the last of `words`.
#[cfg(unix)]
fn completed_by_bash(folder: &Path, words: &[&str]) -> BTreeSet<String> {
    let line = words.join(" ");
    let last = words.len() - 1;
    // The script's function, called as bash calls it.
    let script = format!(
        r#"source ./completions.bash
        function=$(complete -p gem-live | sed 's/.* -F \([^ ]*\) .*/\1/')
        COMP_WORDS=({line}) COMP_CWORD={last}
        "$function" gem-live '{}' '{}' && printf '%s\n' "${{COMPREPLY[@]}}""#,
        words[last],
        words[last - 1]
    );
    let output = Command::new("bash").args(["-c", &script]).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{line}: {}", printed(&output));
    printed(&output).lines().map(str::to_owned).collect()
}

#[cfg(unix)]
#[test]
#[ignore = "needs bash"]
fn tools_bash_completes_commands_options_and_values() {
    let here = tempfile::tempdir().unwrap();
    let script = succeeds(here.path(), &["completions", "bash"]);
    std::fs::write(here.path().join("completions.bash"), script).unwrap();
    let completed = |words: &[&str]| completed_by_bash(here.path(), words);
    let set = |words: &[&str]| words.iter().map(|w| (*w).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(completed(&["gem-live", "de"]), set(&["deblur", "devices"]));
    assert_eq!(completed(&["gem-live", "devices", "--ud"]), set(&["--udev-rule"]));
    assert_eq!(completed(&["gem-live", "synth", "st"]), set(&["stills"]));
    assert_eq!(completed(&["gem-live", "live", "--engine", "cu"]), set(&["cuda"]));
}

#[test]
fn the_program_prints_the_udev_rule_that_ships_with_it() {
    let here = tempfile::tempdir().unwrap();
    let rule = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/udev/65-gem-live.rules");
    let printed_rule = succeeds(here.path(), &["devices", "--udev-rule"]);
    assert_eq!(printed_rule, std::fs::read_to_string(rule).unwrap());
}

#[test]
fn devices_name_every_kind_of_camera() {
    let here = tempfile::tempdir().unwrap();
    let mut command = program(here.path());
    let output =
        command.arg("devices").env("GEM_LIVE_LIBARAVIS", "/nonexistent/libaravis.so").output();
    let text = printed(&output.unwrap());
    for line in [
        ["missing: libcaer", "GEM_LIVE_LIBCAER"],
        ["missing: libaravis", "libaravis-0.8-0"],
        ["through DV", "--source dv:HOST:PORT"],
        ["without libcaer", "limitations"],
    ] {
        let has = |l: &str| line.iter().all(|part| l.contains(part));
        assert!(text.lines().any(has), "{line:?}: {text}");
    }
    assert!(text.contains("web camera") || text.contains("uvc:"), "{text}");
    assert!(text.contains("Prophesee EVK"), "{text}");
    assert!(!text.contains("assets/"), "{text}");
}
