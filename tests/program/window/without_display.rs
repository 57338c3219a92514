//! The program without a display.

use super::*;

/// The program without a display, in a folder.
fn program_without_display(folder: &Path) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_gem-live"));
    program.current_dir(folder);
    program.env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY").env_remove("WAYLAND_SOCKET");
    program
}

/// Runs the program without a display, in an empty folder.
fn without_display(arguments: &[&str], folder: &Path) -> std::process::Output {
    program_without_display(folder).args(arguments).output().unwrap()
}

#[test]
fn without_a_display_the_clip_is_restored_to_a_picture() {
    let folder = tempfile::tempdir().unwrap();
    let output = without_display(&[], folder.path());
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    for part in ["is set; the built-in clip", "frames per second", "dB restored: +", "ssh -X"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let picture = image::open(folder.path().join("gem-live-clip.png")).unwrap().into_rgb8();
    // Blurry, events and restored side by side, with gaps of 8 pixels.
    assert_eq!(picture.dimensions(), (3 * 384 + 16, 256));
    let [blurry, restored] = [0, 2 * 392].map(|x| sharpness_of(&picture, [x, 0, 384, 256]));
    assert!(restored > 1.1 * blurry, "restored {restored:e}, blurry {blurry:e}");
}

#[test]
fn where_the_picture_cannot_be_written_it_is_among_the_temporary_files() {
    let (folder, temporary) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    // A file cannot replace a folder, whoever writes it.
    std::fs::create_dir(folder.path().join("gem-live-clip.png")).unwrap();
    let mut program = program_without_display(folder.path());
    let output = program.env("TMPDIR", temporary.path()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let picture = temporary.path().join("gem-live-clip.png");
    assert!(picture.is_file());
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains(&picture.display().to_string()), "{text}");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("cannot write gem-live-clip.png"), "{stderr}");
}

#[test]
fn without_a_display_one_line_reports_it() {
    // The subcommand is optional, with and without its options.
    let folder = tempfile::tempdir().unwrap();
    for arguments in [&["--source", "sim"][..], &["live", "--source", "sim"], &["--fullscreen"]] {
        let output = without_display(arguments, folder.path());
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success());
        let lines: Vec<&str> = stderr.lines().filter(|l| l.starts_with("gem-live:")).collect();
        assert_eq!(lines.len(), 1, "{arguments:?}: {stderr}");
        assert!(lines[0].contains("cannot open a window: neither DISPLAY"), "{stderr}");
        assert!(lines[0].contains("--headless"), "{stderr}");
        assert!(!stderr.contains("panicked"), "{stderr}");
    }
}

#[test]
fn without_a_display_outputs_are_not_left_without_frames() {
    let folder = tempfile::tempdir().unwrap();
    let output = without_display(&["live", "--serve", "dv:0"], folder.path());
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{stderr}");
    assert!(stderr.contains("cannot open a window") && stderr.contains("--headless"), "{stderr}");
    assert!(!folder.path().join("gem-live-clip.png").exists());
}
