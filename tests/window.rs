//! The real window on a virtual screen: opened, looked at, and closed by its key.

#![cfg(all(feature = "app", target_os = "linux"))]
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail by panicking, in its helpers too"
)]

use gem_live::frame::{Picture, Size};
use gem_live::metrics::sharpness;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Exposures of the clip in the program.
const EXPOSURES: usize = 16;
const DISPLAY: &str = ":83";
/// The part of the window's height that holds nothing but pictures, below their names.
const TOP: u32 = 105;
const HEIGHT: u32 = 350;

/// A process that ends with the test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn missing() -> Option<&'static str> {
    ["Xvfb", "xdotool", "import"].into_iter().find(|program| {
        let found = Command::new("which").arg(program).stdout(Stdio::null()).status();
        !found.is_ok_and(|s| s.success())
    })
}

fn on_display(program: &str, arguments: &[&str]) -> std::process::Output {
    Command::new(program).args(arguments).env("DISPLAY", DISPLAY).output().unwrap()
}

/// A part of the screen.
fn part(shot: &image::RgbImage, left: u32, width: u32) -> Picture {
    let cut = image::imageops::crop_imm(shot, left, TOP, width, HEIGHT).to_image();
    Picture::from_rgb(Size::new(width as usize, HEIGHT as usize), cut.as_raw()).unwrap()
}

fn screenshot(folder: &Path) -> image::RgbImage {
    let file = folder.join("shot.png");
    let taken = on_display("import", &["-window", "root", &file.to_string_lossy()]);
    assert!(taken.status.success(), "{}", String::from_utf8_lossy(&taken.stderr));
    image::open(file).unwrap().into_rgb8()
}

/// Waits until `done`, for at most a minute: machines without graphics are slow.
fn wait(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(60), "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn the_right_half_is_sharper_than_the_left_and_a_key_closes_the_window() {
    if let Some(program) = missing() {
        println!("skipped: {program} is not installed");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let screen = Command::new("Xvfb")
        .args([DISPLAY, "-screen", "0", "1280x800x24", "-nolisten", "tcp"])
        .stderr(Stdio::null())
        .spawn();
    let _screen = Ended(screen.unwrap());
    wait("the screen", || on_display("xdotool", &["getdisplaygeometry"]).status.success());
    let window = Command::new(env!("CARGO_BIN_EXE_gem-live"))
        .env("DISPLAY", DISPLAY)
        .env_remove("WAYLAND_DISPLAY")
        // Nobody's settings are read or changed.
        .env("XDG_CONFIG_HOME", folder.path())
        .stderr(Stdio::null())
        .spawn();
    let mut window = Ended(window.unwrap());
    let mut id = String::new();
    wait("the window", || {
        let found = on_display("xdotool", &["search", "--name", "^GEM Live$"]);
        id = String::from_utf8_lossy(&found.stdout).lines().next().unwrap_or_default().to_owned();
        !id.is_empty()
    });
    // Where the pictures lie in a window of 1240 pixels, away from their edges.
    let (left, right, width) = (30, 646, 560);
    wait("a picture", || {
        sharpness(&part(&screenshot(folder.path()), left, width).to_planes()) > 0.0
    });
    // Paused, then one exposure after the other: the whole clip, however slow the machine.
    on_display("xdotool", &["windowfocus", "--sync", &id]);
    on_display("xdotool", &["key", "space"]);
    std::thread::sleep(Duration::from_secs(2));
    let (mut blurry, mut restored) = (0.0, 0.0);
    let mut before = part(&screenshot(folder.path()), left, width);
    for _ in 0..EXPOSURES {
        on_display("xdotool", &["key", "Right"]);
        wait("the next exposure", || {
            let shot = screenshot(folder.path());
            let now = part(&shot, left, width);
            if now == before {
                return false;
            }
            blurry += sharpness(&now.to_planes());
            restored += sharpness(&part(&shot, right, width).to_planes());
            before = now;
            true
        });
    }
    println!("sharpness: restored over blurry {:.2}", restored / blurry);
    // Measured: 1.25 at the smallest size; the pictures are enlarged for the screen, which softens.
    assert!(restored > 1.1 * blurry, "restored {restored:e}, blurry {blurry:e}");
    wait("the end", || {
        on_display("xdotool", &["key", "q"]);
        window.0.try_wait().unwrap().is_some()
    });
    let status = window.0.wait().unwrap();
    assert!(status.success(), "{status}");
}

#[test]
fn without_a_display_one_line_says_so() {
    let output = Command::new(env!("CARGO_BIN_EXE_gem-live"))
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        .env_remove("WAYLAND_SOCKET")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    let lines: Vec<&str> = said.lines().filter(|l| l.starts_with("gem-live:")).collect();
    assert_eq!(lines.len(), 1, "{said}");
    assert!(lines[0].contains("cannot open a window") && !said.contains("panicked"), "{said}");
}
